//! `PUT /users/me/password`: another password for the caller.

use domain::clock::SystemClock;
use domain::password::PasswordPolicy;
use domain::rate_limit::{LimitedAction, Limits};
use domain::use_cases::{PasswordChange, change_password, check_rate_limit};
use infrastructure::argon2::Argon2Hasher;
use infrastructure::dynamodb::DynamoDbUsers;
use serde::Deserialize;

use crate::http::auth::Auth;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(ChangePassword {
    auth: Auth = auth,
    users: DynamoDbUsers = users,
    hasher: Argon2Hasher = hasher,
    limits: Limits = login_limits,
    policy: PasswordPolicy = password_policy,
});

impl HttpHandler for ChangePassword {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token(&request)?;
        let user = self.auth.require_session(caller).await?;
        let body: Body = request::json(&request)?;
        let change = PasswordChange::parse(
            &body.old_password.unwrap_or_default(),
            &body.new_password.unwrap_or_default(),
            self.policy,
        )?;
        self.hasher.prepare();
        // Who has a token may not guess the password for ever either.
        let (sessions, source) = (&self.auth.sessions, request::client_ip(&request));
        let account = caller.user.to_string();
        let (clock, limits) = (&SystemClock, &self.limits);
        let changing = LimitedAction::ChangePassword;
        let admitted =
            check_rate_limit(sessions, clock, limits, changing, &account, &source).await?;
        let (users, hasher) = (&self.users, &self.hasher);
        change_password(users, sessions, hasher, user, admitted, change).await?;
        Ok(response::no_content())
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
        let about = "Ends all other sessions. Sent again after a lost answer, it is 204 again. Wrong passwords are counted.";
        Operation::new("Another password", about)
            .json::<Body>(&serde_json::json!({
                "old_password": "correct horse battery", "new_password": "battery staple correct",
            }))
            .answers_nothing(204, "It is changed.")
            .errors([
                Invalid(vec![Field::OldRequired, Field::NewRequired]).into(),
                Invalid(vec![Field::InvalidNew(Password::TooShort { min_chars })]).into(),
                Invalid(vec![Field::InvalidNew(Password::TooLong)]).into(),
                Invalid(vec![Field::InvalidNew(Password::TooCommon)]).into(),
                ChangePasswordError::IncorrectPassword.into(),
            ])
            .throttled()
    }
}
