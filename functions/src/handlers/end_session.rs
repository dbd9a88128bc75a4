//! `DELETE /sessions/{session_id}`: ends one session of the caller's.

use domain::application::end_session;
use domain::clock::SystemClock;
use domain::id::SessionId;
use lambda_http::Request;

use crate::auth::Auth;
use crate::settings::SettingsError;
use crate::setup::Setup;
use crate::{ApiError, Handler, Reply, request, response};

/// See the file.
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
        let user = self.auth.user(self.auth.caller(&request)?).await?;
        let id = SessionId::parse(&request::path(&request, "session_id"))?;
        end_session(&self.auth.sessions, &self.clock, user, id).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for EndSession {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        use domain::application::EndSessionError;

        Operation::new("Sign out elsewhere", "Its tokens are refused at once.")
            .id("session_id", "session", crate::openapi::example::SESSION_ID)
            .answers_nothing(204, "It is over.")
            .fails([EndSessionError::NotFound.into()])
    }
}
