//! `GET /sessions`: lists the user's sessions.

use domain::clock::SystemClock;
use domain::session::UserAgent;
use domain::use_cases::{ListedSession, list_sessions};
use serde::Serialize;

use crate::http::auth::Auth;
use crate::http::response;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(ListSessions { auth: Auth = auth });

impl HttpHandler for ListSessions {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let user = self.auth.authenticate(&request).await?;
        let sessions = list_sessions(&self.auth.sessions, &SystemClock, user).await?;
        let body: Vec<_> = sessions.iter().map(SessionBody::from).collect();
        Ok(response::ok(&body).no_store())
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Session))]
struct SessionBody<'a> {
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    id: String,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    created_at: String,
    /// Null until the first refresh.
    #[cfg_attr(feature = "openapi", schema(required = true, format = DateTime))]
    refreshed_at: Option<String>,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    expires_at: String,
    #[cfg_attr(feature = "openapi", schema(required = true))]
    user_agent: Option<&'a str>,
    /// Whether the access token of this request belongs to the session.
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

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for ListSessions {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        Operation::new("List the user's sessions", "Newest first.")
            .response_array::<SessionBody<'_>>(200, "The sessions of the user.", example::session())
            .no_store(200)
            .link(
                200,
                "revoke_session",
                &serde_json::json!({"session_id": "$response.body#/0/id"}),
                None,
            )
    }
}
