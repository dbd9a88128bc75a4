//! A picture was saved: makes its variants.

use functions::handlers::ProcessImage;
use functions::{Error, serve_notified};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_notified::<ProcessImage>().await
}
