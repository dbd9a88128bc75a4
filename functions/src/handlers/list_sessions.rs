//! `GET /sessions`: lists the user's sessions, newest first.

use domain::clock::SystemClock;
use domain::session::UserAgent;
use domain::use_cases::{ListedSession, list_sessions};
use http::header::LINK;
use serde::Serialize;

use crate::http::auth::Auth;
use crate::http::pagination::{self, Cursor as _};
use crate::http::response;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(ListSessions { auth: Auth = auth });

impl HttpHandler for ListSessions {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let user = self.auth.authenticate(&request).await?;
        let page_request = pagination::parse(&request)?;
        let sessions = &self.auth.sessions;
        let page = list_sessions(sessions, &SystemClock, user, page_request).await?;
        let body: Vec<_> = page.sessions.iter().map(SessionBody::from).collect();
        let mut response = response::ok(&body).no_store();
        if let Some(next) = page.next {
            let next = pagination::next_link(&request, page_request.size, &next.encode());
            response.headers.insert(LINK, next);
        }
        Ok(response)
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
        let about = "Newest first. A user has at most 50 sessions; a login revokes the oldest above that. A page may have fewer \
             entries than `limit`, or none, although another page follows: read pages until there is no `Link`.";
        Operation::new("List the user's sessions", about)
            .paginated::<domain::id::SessionId>()
            .response_array::<SessionBody<'_>>(200, "A page of the list.", example::session())
            .with_next_link(200)
            .no_store(200)
            .link(
                200,
                "revoke_session",
                &serde_json::json!({"session_id": "$response.body#/0/id"}),
                None,
            )
    }
}
