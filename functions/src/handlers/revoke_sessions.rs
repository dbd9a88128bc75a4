//! `DELETE /sessions`: ends the caller's sessions, but for this one unless it is asked for.

use domain::use_cases::{RevokeScope, revoke_sessions};

use crate::http::auth::Auth;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

const INVALID_CURRENT: &str = "current should be true or false";

crate::dependencies::function!(RevokeSessions { auth: Auth = auth });

impl HttpHandler for RevokeSessions {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let user = self.auth.authenticate(&request).await?;
        let ended = match request::query(&request, "current").as_deref() {
            None | Some("false") => RevokeScope::Others,
            Some("true") => RevokeScope::All,
            Some(_) => {
                return Err(ApiError::invalid_request(INVALID_CURRENT));
            }
        };
        revoke_sessions(&self.auth.sessions, user, ended).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for RevokeSessions {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        let current = serde_json::json!({"type": "boolean", "default": false});
        Operation::new("Sign out everywhere else", "")
            .query(
                "current",
                "Whether this session ends as well.",
                &current,
                &false.into(),
            )
            .answers_nothing(204, "They are over.")
            .errors([ApiError::invalid_request(INVALID_CURRENT)])
    }
}
