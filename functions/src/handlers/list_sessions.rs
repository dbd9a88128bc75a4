//! `GET /sessions`: where the caller is signed in.

use domain::application::{ListedSession, list_sessions};
use domain::clock::SystemClock;
use domain::session::UserAgent;
use lambda_http::Request;
use serde::Serialize;

use crate::auth::Auth;
use crate::settings::SettingsError;
use crate::setup::Setup;
use crate::{ApiError, Handler, Reply, response};

/// See the file.
pub struct ListSessions {
    auth: Auth,
    clock: SystemClock,
}

impl Handler for ListSessions {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            auth: setup.auth()?,
            clock: setup.clock(),
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let user = self.auth.user(self.auth.caller(&request)?).await?;
        let sessions = list_sessions(&self.auth.sessions, &self.clock, user).await?;
        let body: Vec<_> = sessions.iter().map(SessionBody::from).collect();
        Ok(response::ok(&body).no_store())
    }
}

#[derive(Serialize)]
struct SessionBody<'a> {
    id: String,
    created_at: String,
    /// Null until the first refresh.
    refreshed_at: Option<String>,
    expires_at: String,
    user_agent: Option<&'a str>,
    current: bool,
}

impl<'a> From<&'a ListedSession> for SessionBody<'a> {
    fn from(listed: &'a ListedSession) -> Self {
        let session = &listed.session;
        let refreshed = session.previous.as_ref();
        Self {
            id: session.id.to_string(),
            created_at: session.created_at.to_string(),
            refreshed_at: refreshed.map(|previous| previous.at.to_string()),
            expires_at: session.refresh.expires_at.to_string(),
            user_agent: session.user_agent.as_ref().map(UserAgent::as_str),
            current: listed.is_current,
        }
    }
}
