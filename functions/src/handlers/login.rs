//! `POST /login`: verifies an e-mail and password and starts a session.

use domain::clock::SystemClock;
use domain::rate_limit::Limits;
use domain::token::TokenIssuer;
use domain::use_cases::{LoginAttempt, login};
use infrastructure::argon2::Argon2Hasher;
use infrastructure::digest::KeyedDigest;
use infrastructure::dynamodb::DynamoDbUsers;
use infrastructure::jwt::JwtTokens;
use infrastructure::sessions::Sessions;
use serde::{Deserialize, Serialize};

use super::refresh::TokenBody;
use super::user_body::UserBody;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(Login {
    users: DynamoDbUsers = users,
    sessions: Sessions = sessions,
    hasher: Argon2Hasher = hasher,
    tokens: TokenIssuer<JwtTokens> = token_issuer,
    limits: Limits = login_limits,
    account_digest: KeyedDigest = account_digest,
});

impl HttpHandler for Login {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let body: Body = request::json(&request)?;
        let attempt = LoginAttempt::parse(
            &body.email.unwrap_or_default(),
            &body.password.unwrap_or_default(),
            request::user_agent(&request),
            request::client_ip(&request),
        )?;
        let account_digest = self.account_digest.hex(attempt.account());
        self.hasher.preallocate();
        let (users, sessions, clock) = (&self.users, &self.sessions, &SystemClock);
        let (hasher, tokens, limits) = (&self.hasher, &self.tokens, &self.limits);
        let logged_in = login(users, sessions, hasher, tokens, clock, limits, attempt).await;
        let logged_in = logged_in.map_err(|error| {
            // Shows that one account is attacked, whether it exists or not.
            ApiError::from(error).with_attributes([("user.hash", account_digest)])
        })?;
        request::record_user(&request, logged_in.user.id);
        let body = LoginBody {
            user: UserBody::from(&logged_in.user),
            tokens: TokenBody::from(logged_in.tokens),
        };
        Ok(response::ok(&body).no_store())
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Credentials))]
struct Body {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "email", max_length = 254))]
    email: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password, min_length = 1))]
    password: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthenticatedUser))]
struct LoginBody<'a> {
    #[serde(flatten)]
    user: UserBody<'a>,
    #[serde(flatten)]
    tokens: TokenBody,
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for Login {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::use_cases::{InvalidLogin, InvalidLoginField as Field, LoginError};

        let about = "Send the `access_token` as `Authorization: Bearer …`. An unknown e-mail and a wrong password have the same response. \
             Limit: 10 wrong passwords for an account and 100 from a client IP in 15 minutes, then 429. An account under attack \
             stays open to client IPs with few attempts.";
        Operation::new("Log in", about)
            .json::<Body>(
                &serde_json::json!({"email": example::EMAIL, "password": example::PASSWORD}),
            )
            .response::<LoginBody<'_>>(
                200,
                "The user and the tokens of a new session.",
                example::login(),
            )
            .no_store(200)
            .link(
                200,
                "refresh",
                &serde_json::json!({}),
                Some(&serde_json::json!({"refresh_token": "$response.body#/refresh_token"})),
            )
            .errors([
                InvalidLogin(vec![Field::EmailRequired, Field::PasswordRequired]).into(),
                InvalidLogin(vec![Field::InvalidEmail]).into(),
                LoginError::IncorrectPassword { user: None }.into(),
            ])
            .rate_limited()
    }
}
