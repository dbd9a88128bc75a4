//! `DELETE /sessions`: ends the caller's sessions, but for this one unless it is asked for.

use domain::application::{Ended, end_sessions};

use crate::auth::Auth;
use crate::{ApiError, Handler, Reply, Request, request, response};

const INVALID_CURRENT: &str = "current should be true or false";

crate::setup::function!(EndSessions { auth: Auth = auth });

impl Handler for EndSessions {
    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let user = self.auth.signed_in(&request).await?;
        let ended = match request::query(&request, "current").as_deref() {
            None | Some("false") => Ended::Others,
            Some("true") => Ended::All,
            Some(_) => {
                return Err(ApiError::invalid_request(INVALID_CURRENT));
            }
        };
        end_sessions(&self.auth.sessions, user, ended).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for EndSessions {
    fn describe() -> crate::openapi::Operation {
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
            .fails([ApiError::invalid_request(INVALID_CURRENT)])
    }
}
