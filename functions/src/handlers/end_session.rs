//! `DELETE /sessions/{session_id}`: ends one session of the caller's.

use domain::application::end_session;
use domain::clock::SystemClock;
use domain::id::SessionId;

use crate::auth::Auth;
use crate::{ApiError, Handler, Reply, Request, request, response};

crate::setup::function!(EndSession { auth: Auth = auth });

impl Handler for EndSession {
    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let user = self.auth.signed_in(&request).await?;
        let id = SessionId::parse(&request::path(&request, "session_id"))?;
        end_session(&self.auth.sessions, &SystemClock, user, id).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for EndSession {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::application::LookupError;

        Operation::new("Sign out elsewhere", "Its tokens are refused at once.")
            .id("session_id", "session", example::SESSION_ID)
            .answers_nothing(204, "It is over.")
            .fails([LookupError::NotFound.into()])
    }
}
