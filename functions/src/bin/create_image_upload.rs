//! `POST /food/images`: leave to upload a picture straight into the bucket.

use functions::handlers::CreateImageUpload;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<CreateImageUpload>().await
}
