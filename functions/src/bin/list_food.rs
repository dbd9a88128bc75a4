//! `GET /food`: all foods, newest first.

use functions::handlers::ListFood;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<ListFood>().await
}
