//! `GET /docs`: the page that shows the API and tries it.

functions::main!(GetDocs);
