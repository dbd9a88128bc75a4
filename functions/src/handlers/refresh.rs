//! `POST /refresh`: the next pair of tokens.

use domain::application::refresh;
use domain::clock::SystemClock;
use domain::token::{TokenIssuer, TokenPair};
use infrastructure::jwt::JwtTokens;
use infrastructure::sessions::Sessions;
use serde::{Deserialize, Serialize};

use crate::{ApiError, Handler, Reply, Request, SettingsError, Setup, request, response};

/// See the module.
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
        request::record_user(&request, tokens.user);
        // Old clients take no other status for a success.
        Ok(response::created(&TokenBody::from(tokens)).no_store())
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RefreshRequest))]
struct Body {
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = r"\S"))]
    refresh_token: Option<String>,
}

/// A pair of tokens as JSON (RFC 6749, section 5.1).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Tokens))]
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

#[cfg(feature = "openapi")]
impl crate::openapi::Described for Refresh {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        let about = "A refresh token is good for one exchange; for ten seconds after it, the same one is answered with the same pair.";
        Operation::new("The next pair of tokens", about)
            .json::<Body>(
                &serde_json::json!({"refresh_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"}),
            )
            .answers::<TokenBody>(201, "The next pair.")
            .unkept(201)
            .fails([
                ApiError::refresh_token_required(),
                domain::token::TokenError::Malformed.into(),
                domain::token::TokenError::Expired.into(),
                domain::token::TokenError::Refused.into(),
            ])
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Example for TokenBody {
    fn example() -> Self {
        Self {
            access_token: "eyJhbGciOiJIUzI1NiJ9.e30.YW4gYWNjZXNz".to_owned(),
            refresh_token: "eyJhbGciOiJIUzI1NiJ9.e30.YSByZWZyZXNo".to_owned(),
            token_type: "Bearer",
            expires_in: 900,
        }
    }
}
