//! `POST /logout`: ends the caller's session.

use domain::application::logout;

use crate::auth::Auth;
use crate::{ApiError, Handler, Reply, Request, response};

crate::setup::function!(Logout { auth: Auth = auth });

impl Handler for Logout {
    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let signed_in = self.auth.signed_in(&request).await?;
        logout(&self.auth.sessions, signed_in).await?;
        Ok(response::ok(&"Successfully logged out"))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for Logout {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        Operation::new("Sign out", "Ends this session, and no other.")
            .answers_sentence(200, "Successfully logged out")
    }
}
