//! `GET /openapi.json`: the description of the API.

use functions::handlers::GetOpenapi;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<GetOpenapi>().await
}
