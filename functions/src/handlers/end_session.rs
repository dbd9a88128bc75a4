//! `DELETE /sessions/{session_id}`: ends one session of the caller's.

use domain::application::end_session;
use domain::clock::SystemClock;
use domain::id::SessionId;

use crate::auth::Auth;
use crate::{ApiError, Handler, Reply, Request, SettingsError, Setup, request, response};

/// See the module.
pub struct EndSession {
    auth: Auth,
    clock: SystemClock,
}

impl Handler for EndSession {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            auth: setup.auth()?,
            clock: setup.clock(),
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let user = self.auth.signed_in(&request).await?;
        let id = SessionId::parse(&request::path(&request, "session_id"))?;
        end_session(&self.auth.sessions, &self.clock, user, id).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for EndSession {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        use domain::application::LookupError;

        Operation::new("Sign out elsewhere", "Its tokens are refused at once.")
            .id("session_id", "session", crate::openapi::example::SESSION_ID)
            .answers_nothing(204, "It is over.")
            .fails([LookupError::NotFound.into()])
    }
}
