//! `POST /logout`: ends the caller's session.

use domain::use_cases::logout;

use crate::http::auth::Auth;
use crate::http::response;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(Logout { auth: Auth = auth });

impl HttpHandler for Logout {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let signed_in = self.auth.authenticate(&request).await?;
        logout(&self.auth.sessions, signed_in).await?;
        Ok(response::ok(&"Successfully logged out"))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for Logout {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        Operation::new("Sign out", "Ends this session, and no other.")
            .answers_sentence(200, "Successfully logged out")
    }
}
