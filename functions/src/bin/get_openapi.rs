//! `GET /openapi.json`: returns the `OpenAPI` document.

functions::main!(GetOpenapi);
