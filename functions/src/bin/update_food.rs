//! `PUT /food/{food_id}`: changes a food of the caller's.

use functions::handlers::UpdateFood;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<UpdateFood>().await
}
