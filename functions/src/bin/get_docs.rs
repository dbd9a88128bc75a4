//! `GET /docs`: returns the API documentation page.

functions::main!(GetDocs);
