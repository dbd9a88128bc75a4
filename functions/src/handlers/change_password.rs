//! `PUT /users/me/password`: changes the user's password, revokes all sessions and starts a new one.

use domain::clock::SystemClock;
use domain::password::PasswordPolicy;
use domain::rate_limit::{LimitedAction, Limits};
use domain::session::UserAgent;
use domain::token::TokenIssuer;
use domain::use_cases::{
    PasswordChange, authenticate_password_change, change_password, check_rate_limit,
};
use infrastructure::argon2::Argon2Hasher;
use infrastructure::jwt::JwtTokens;
use serde::Deserialize;

use super::refresh::TokenBody;
use crate::http::auth::Auth;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(ChangePassword {
    auth: Auth = auth,
    hasher: Argon2Hasher = hasher,
    tokens: TokenIssuer<JwtTokens> = token_issuer,
    limits: Limits = login_limits,
    policy: PasswordPolicy = password_policy,
});

impl HttpHandler for ChangePassword {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token(&request)?;
        let user = authenticate_password_change(&self.auth.active_sessions(), caller).await?;
        let body: Body = request::json(&request)?;
        let change = PasswordChange::parse(
            &body.old_password.unwrap_or_default(),
            &body.new_password.unwrap_or_default(),
            self.policy,
        )?;
        self.hasher.preallocate();
        // An attacker with a stolen token could otherwise guess the password.
        let (sessions, client_ip) = (&self.auth.sessions, request::client_ip(&request));
        let account = caller.user.to_string();
        let (clock, limits) = (&SystemClock, &self.limits);
        let action = LimitedAction::ChangePassword;
        let permit =
            check_rate_limit(sessions, clock, limits, action, &account, &client_ip).await?;
        let (users, hasher, tokens) = (&self.auth.users, &self.hasher, &self.tokens);
        let user_agent = request::user_agent(&request).and_then(UserAgent::parse);
        let tokens = change_password(
            users, sessions, hasher, tokens, clock, user, permit, change, user_agent,
        )
        .await?;
        Ok(response::ok(&TokenBody::from(tokens)).no_store())
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PasswordChange))]
struct Body {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password, min_length = 1, max_length = 128))]
    old_password: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password, min_length = 8, max_length = 128))]
    new_password: Option<String>,
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for ChangePassword {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        use domain::password::InvalidPassword as Password;
        use domain::use_cases::{
            ChangePasswordError, InvalidPasswordChange as Invalid,
            InvalidPasswordChangeField as Field,
        };

        let min_chars =
            usize::try_from(crate::dependencies::PASSWORD_MIN_LENGTH).unwrap_or(usize::MAX);
        let about = "Revokes all sessions of the user, also that of the request, and returns the tokens of a new one. A retry after a \
             lost response returns new tokens too. Limit: 10 wrong passwords for an account and 100 from a client IP in 15 minutes.";
        Operation::new("Change the password", about)
            .json::<Body>(&serde_json::json!({
                "old_password": crate::openapi::example::PASSWORD, "new_password": "battery staple correct",
            }))
            .response::<TokenBody>(200, "The tokens of a new session.", crate::openapi::example::tokens())
            .no_store(200)
            .errors([
                Invalid(vec![Field::OldRequired, Field::NewRequired]).into(),
                Invalid(vec![Field::InvalidNew(Password::TooShort { min_chars })]).into(),
                Invalid(vec![Field::InvalidNew(Password::TooLong)]).into(),
                Invalid(vec![Field::InvalidNew(Password::TooCommon)]).into(),
                ChangePasswordError::IncorrectPassword.into(),
            ])
            .rate_limited()
    }
}
