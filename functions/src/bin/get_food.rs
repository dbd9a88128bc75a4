//! `GET /food/{food_id}`: one food, and who shared it.

use functions::handlers::GetFood;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<GetFood>().await
}
