//! `GET /docs`: the page that shows the API and tries it.

use functions::handlers::GetDocs;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<GetDocs>().await
}
