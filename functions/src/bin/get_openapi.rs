//! `GET /openapi.json`: the description of the API.

functions::main!(GetOpenapi);
