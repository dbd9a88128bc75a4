//! `POST /refresh`: the next pair of tokens.

use functions::handlers::Refresh;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<Refresh>().await
}
