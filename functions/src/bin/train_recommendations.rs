//! Trains recommendations; invoked nightly.

use functions::handlers::TrainRecommendations;
use functions::{Error, serve_scheduled};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_scheduled::<TrainRecommendations>().await
}
