//! `POST /logout`: revokes the session of the access token. A second logout with the token is a 401.

use domain::use_cases::logout;

use crate::http::auth::Auth;
use crate::http::response;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(Logout { auth: Auth = auth });

impl HttpHandler for Logout {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let user = self.auth.authenticate(&request).await?;
        logout(&self.auth.sessions, user).await?;
        Ok(response::ok(&"Successfully logged out"))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for Logout {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        Operation::new("Log out", "Revokes the session of the access token.")
            .response_text(200, "Successfully logged out")
    }
}
