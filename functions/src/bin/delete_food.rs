//! `DELETE /food/{food_id}`: takes a food of the caller's back.

use functions::handlers::DeleteFood;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<DeleteFood>().await
}
