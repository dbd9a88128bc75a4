//! `DELETE /sessions`: ends the caller's sessions, but for this one unless it is asked for.

use domain::application::{Ended, end_sessions};
use lambda_http::Request;

use crate::auth::Auth;
use crate::settings::SettingsError;
use crate::setup::Setup;
use crate::{ApiError, Handler, Reply, request, response};

/// See the file.
pub struct EndSessions {
    auth: Auth,
}

impl Handler for EndSessions {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            auth: setup.auth()?,
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let user = self.auth.user(self.auth.caller(&request)?).await?;
        let ended = match request::query(&request, "current").as_deref() {
            None | Some("false") => Ended::Others,
            Some("true") => Ended::All,
            Some(_) => {
                let sentence = "current should be true or false";
                return Err(ApiError::invalid_request(sentence));
            }
        };
        end_sessions(&self.auth.sessions, user, ended).await?;
        Ok(response::no_content())
    }
}
