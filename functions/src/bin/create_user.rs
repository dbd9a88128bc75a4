//! `POST /users`: signs somebody up.

use functions::handlers::CreateUser;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<CreateUser>().await
}
