//! `GET /sessions`: where the caller is signed in.

use functions::handlers::ListSessions;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<ListSessions>().await
}
