//! `DELETE /sessions/{session_id}`: ends one session of the caller's.

use functions::handlers::EndSession;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<EndSession>().await
}
