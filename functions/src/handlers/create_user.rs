//! `POST /users`: signs somebody up.

use domain::clock::{Clock as _, SystemClock};
use domain::id::UserId;
use domain::password::PasswordPolicy;
use domain::rate_limit::{LimitedAction, Limits};
use domain::use_cases::{NewUser, check_rate_limit, create_user};
use infrastructure::argon2::Argon2Hasher;
use infrastructure::dynamodb::DynamoDbUsers;
use serde::Deserialize;

use super::user_body::UserBody;
use crate::http::idempotency::{IdempotencyGuard, idempotent_operation};
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(CreateUser {
    users: DynamoDbUsers = users,
    idempotency: IdempotencyGuard = idempotency,
    hasher: Argon2Hasher = hasher,
    limits: Limits = sign_up_limits,
    policy: PasswordPolicy = password_policy,
});

impl HttpHandler for CreateUser {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let body: Body = request::json(&request)?;
        let [first_name, last_name, email, password] =
            [body.first_name, body.last_name, body.email, body.password]
                .map(Option::unwrap_or_default);
        let new = NewUser::parse(&first_name, &last_name, &email, &password, self.policy)?;
        let content = [&first_name, &last_name, &email, &password].map(String::as_bytes);
        let operation = idempotent_operation(&request, || "create_user".to_owned(), &content)?;
        let id = UserId::new(SystemClock.now());
        let source = request::client_ip(&request);
        let create = |id| async move {
            let (store, clock, limits) = (&self.idempotency.store, &SystemClock, &self.limits);
            let account = new.email().folded();
            let signing_up = LimitedAction::SignUp;
            let admitted =
                check_rate_limit(store, clock, limits, signing_up, account, &source).await?;
            let (users, hasher) = (&self.users, &self.hasher);
            let user = create_user(users, hasher, clock, admitted, id, new).await?;
            Ok(response::created(&UserBody::from(&user)))
        };
        self.idempotency
            .execute(operation, id, UserId::parse, create)
            .await
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewUser))]
struct Body {
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 100, pattern = r"\S"))]
    first_name: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 100, pattern = r"\S"))]
    last_name: Option<String>,
    /// No two users share one, in any case. It is never shown.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "email", max_length = 254))]
    email: Option<String>,
    /// None of the 4,291 most common ones, nor the name of this application with digits around it.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password, min_length = 8, max_length = 128))]
    password: Option<String>,
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for CreateUser {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::password::InvalidPassword as Password;
        use domain::use_cases::{CreateUserError, InvalidUser, InvalidUserField as Field};

        let fields = [
            Field::FirstNameRequired,
            Field::LastNameRequired,
            Field::EmailRequired,
            Field::PasswordRequired,
        ];
        let min_chars =
            usize::try_from(crate::dependencies::PASSWORD_MIN_LENGTH).unwrap_or(usize::MAX);
        Operation::new("Sign up", "Attempts are counted, successes too.")
            .once()
            .json::<Body>(&serde_json::json!({
                "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com",
                "password": "correct horse battery",
            }))
            .answers::<UserBody<'_>>(201, "The user.", example::user())
            .link(
                201,
                "get_user",
                &serde_json::json!({"user_id": "$response.body#/id"}),
                None,
            )
            .errors([
                InvalidUser(fields.to_vec()).into(),
                InvalidUser(vec![Field::NameTooLong, Field::InvalidEmail]).into(),
                InvalidUser(vec![Field::InvalidPassword(Password::TooShort {
                    min_chars,
                })])
                .into(),
                InvalidUser(vec![Field::InvalidPassword(Password::TooLong)]).into(),
                InvalidUser(vec![Field::InvalidPassword(Password::TooCommon)]).into(),
                CreateUserError::EmailTaken.into(),
            ])
            .throttled()
    }
}
