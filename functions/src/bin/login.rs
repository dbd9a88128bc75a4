//! `POST /login`: signs somebody in.

use functions::handlers::Login;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<Login>().await
}
