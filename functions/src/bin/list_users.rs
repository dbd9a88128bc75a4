//! `GET /users`: everybody, oldest first.

use functions::handlers::ListUsers;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<ListUsers>().await
}
