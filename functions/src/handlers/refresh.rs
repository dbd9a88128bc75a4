//! `POST /refresh`: exchanges a refresh token for a new access token and refresh token.

use domain::clock::SystemClock;
use domain::token::{TokenIssuer, TokenPair};
use domain::use_cases::refresh;
use infrastructure::dynamodb::DynamoDbUsers;
use infrastructure::jwt::JwtTokens;
use infrastructure::sessions::Sessions;
use serde::{Deserialize, Serialize};

use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(Refresh {
    users: DynamoDbUsers = users,
    sessions: Sessions = sessions,
    tokens: TokenIssuer<JwtTokens> = token_refresher,
});

impl HttpHandler for Refresh {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let body: Body = request::json(&request)?;
        let presented = body
            .refresh_token
            .filter(|token| !token.trim().is_empty())
            .ok_or_else(ApiError::refresh_token_required)?;
        let (users, sessions) = (&self.users, &self.sessions);
        let tokens = refresh(users, sessions, &self.tokens, &SystemClock, &presented).await?;
        request::record_user(&request, tokens.user);
        // Old clients treat any other status as a failure.
        Ok(response::created(&TokenBody::from(tokens)).no_store())
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RefreshRequest))]
struct Body {
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = r"\S"))]
    refresh_token: Option<String>,
}

/// An access token and a refresh token (RFC 6749, section 5.1).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Tokens))]
pub(super) struct TokenBody {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    /// The lifetime of the access token in seconds.
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
impl crate::openapi::OpenApiOperation for Refresh {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        let about = "Call it when a request returns 401 with `error` = `Token is expired`; for any other 401, log in again. Each refresh \
             replaces the refresh token. If the response was lost, send the old token again: until the new one is used, the response has \
             the new refresh token and another access token. Any other reuse revokes the session (RFC 9700, section 4.14). A session \
             ends 90 days after its login, however often it is refreshed.";
        Operation::new("Refresh the tokens", about)
            .json::<Body>(
                &serde_json::json!({"refresh_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"}),
            )
            .response::<TokenBody>(201, "The new tokens.", example::tokens())
            .no_store(201)
            .errors([
                ApiError::refresh_token_required(),
                domain::token::TokenError::Malformed.into(),
                domain::token::TokenError::Expired.into(),
                domain::token::TokenError::Rejected.into(),
            ])
    }
}
