//! Daily: deletes renditions and uploads that no food shows.

use functions::handlers::SweepImages;
use functions::{Error, serve_scheduled};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_scheduled::<SweepImages>().await
}
