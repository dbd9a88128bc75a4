//! `DELETE /sessions/{session_id}`: revokes a session of the user.

use domain::clock::SystemClock;
use domain::id::SessionId;
use domain::use_cases::revoke_session;

use crate::http::auth::Auth;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(RevokeSession { auth: Auth = auth });

impl HttpHandler for RevokeSession {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let user = self.auth.authenticate(&request).await?;
        let id = SessionId::parse(&request::path(&request, "session_id"))?;
        revoke_session(&self.auth.sessions, &SystemClock, user, id).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for RevokeSession {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        use domain::use_cases::LookupError;

        Operation::new("Revoke a session", "Its tokens become invalid immediately.")
            .path_id("session_id", "session")
            .response_empty(204, "The session was revoked.")
            .errors([LookupError::NotFound.into()])
    }
}
