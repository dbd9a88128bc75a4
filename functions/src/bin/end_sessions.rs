//! `DELETE /sessions`: ends the caller's sessions.

use functions::handlers::EndSessions;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<EndSessions>().await
}
