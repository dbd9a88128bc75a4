//! Updates the data for recommendations after likes or foods changed; invoked by streams.

use functions::handlers::UpdateRecommendations;
use functions::{Error, serve_stream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_stream::<UpdateRecommendations>().await
}
