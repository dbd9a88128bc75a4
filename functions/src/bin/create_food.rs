//! `POST /food`: shares a food.

use functions::handlers::CreateFood;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<CreateFood>().await
}
