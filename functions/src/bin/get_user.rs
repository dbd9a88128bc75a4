//! `GET /users/{user_id}`: one user.

use functions::handlers::GetUser;
use functions::{Error, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<GetUser>().await
}
