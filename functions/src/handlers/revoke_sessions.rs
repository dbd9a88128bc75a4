//! `DELETE /sessions`: revokes the user's other sessions, or all with `?current=true`.

use domain::clock::SystemClock;
use domain::use_cases::{RevokeScope, revoke_sessions};

use crate::http::auth::Auth;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

const INVALID_CURRENT: &str = "current should be true or false";

crate::dependencies::function!(RevokeSessions { auth: Auth = auth });

impl HttpHandler for RevokeSessions {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let user = self.auth.authenticate(&request).await?;
        let scope = match request::query(&request, "current").as_deref() {
            None | Some("false") => RevokeScope::Others,
            Some("true") => RevokeScope::All,
            Some(_) => {
                return Err(ApiError::invalid_request(INVALID_CURRENT));
            }
        };
        let (users, sessions) = (&self.auth.users, self.auth.active_sessions());
        revoke_sessions(users, &sessions, &SystemClock, user, scope).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for RevokeSessions {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        let current = serde_json::json!({"type": "boolean", "default": false});
        Operation::new(
            "Revoke the other sessions",
            "Their tokens become invalid immediately, however many sessions there are.",
        )
        .query_parameter("current", "Whether to revoke the current session too.", &current)
        .response_empty(204, "The sessions were revoked.")
        .errors([ApiError::invalid_request(INVALID_CURRENT)])
    }
}
