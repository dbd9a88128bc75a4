//! Deletes renditions without a food and unused uploads; invoked daily.

use functions::handlers::SweepImages;
use functions::{Error, serve_scheduled};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_scheduled::<SweepImages>().await
}
