//! `POST /refresh`: the next pair of tokens.

use domain::application::refresh;
use domain::clock::SystemClock;
use domain::token::{TokenIssuer, TokenPair};
use infrastructure::jwt::JwtTokens;
use infrastructure::sessions::Sessions;
use lambda_http::Request;
use serde::{Deserialize, Serialize};

use crate::settings::SettingsError;
use crate::setup::Setup;
use crate::{ApiError, Handler, Reply, request, response};

/// See the file.
pub struct Refresh {
    sessions: Sessions,
    tokens: TokenIssuer<JwtTokens>,
    clock: SystemClock,
}

impl Handler for Refresh {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            sessions: setup.sessions()?,
            tokens: setup.token_issuer()?,
            clock: setup.clock(),
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let body: Body = request::json(&request)?;
        let presented = body
            .refresh_token
            .filter(|token| !token.trim().is_empty())
            .ok_or_else(ApiError::refresh_token_required)?;
        let tokens = refresh(&self.sessions, &self.tokens, &self.clock, &presented).await?;
        request::note_user(&request, tokens.user);
        // Old clients take no other status for a success.
        Ok(response::created(&TokenBody::from(tokens)).no_store())
    }
}

#[derive(Deserialize)]
struct Body {
    refresh_token: Option<String>,
}

/// A pair of tokens as JSON (RFC 6749, section 5.1).
#[derive(Serialize)]
pub(super) struct TokenBody {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: u64,
}

impl From<TokenPair> for TokenBody {
    fn from(tokens: TokenPair) -> Self {
        Self {
            access_token: tokens.access,
            refresh_token: tokens.refresh,
            token_type: "Bearer",
            expires_in: tokens.access_lifetime.as_secs(),
        }
    }
}
