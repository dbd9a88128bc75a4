//! `DELETE /users/me`: the caller leaves.

use functions::handlers::DeleteUser;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<DeleteUser>().await
}
