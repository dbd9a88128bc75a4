//! `PUT /users/me/password`: another password for the caller.

use functions::handlers::ChangePassword;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<ChangePassword>().await
}
