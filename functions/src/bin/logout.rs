//! `POST /logout`: ends the caller's session.

use functions::handlers::Logout;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<Logout>().await
}
