//! `POST /users`: creates a user account.

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
        let client_ip = request::client_ip(&request);
        let (store, clock, limits) = (&self.idempotency.store, &SystemClock, &self.limits);
        let (action, account) = (LimitedAction::SignUp, new.email().folded());
        let permit = check_rate_limit(store, clock, limits, action, account, &client_ip).await?;
        let mut is_executed = false;
        let create = |id| {
            is_executed = true;
            let (users, hasher, permit) = (&self.users, &self.hasher, &permit);
            async move {
                let user = create_user(users, hasher, clock, permit, id, new).await?;
                let path = format!("/users/{}", user.id);
                Ok(response::created_at(&path, &UserBody::from(&user)))
            }
        };
        let outcome = self.idempotency.execute(operation, id, UserId::parse, create).await;
        if !is_executed {
            permit.refund(store).await;
        }
        outcome
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewUser))]
struct Body {
    /// One line with visible text, without control, format and bidirectional override characters.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 100, pattern = r"\S"))]
    first_name: Option<String>,
    /// As `first_name`. Users without a last name can repeat the first name or enter a dash.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 100, pattern = r"\S"))]
    last_name: Option<String>,
    /// An e-mail in any script (RFC 6531). Unique; case, the encoding of accents and the form of an internationalized domain do not
    /// matter. Never returned.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "email", max_length = 254))]
    email: Option<String>,
    /// The length counts after normalization to NFC. Rejected if it is one of 16,293 common passwords, with or without symbols, the name
    /// of this application with digits around it, or the e-mail.
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
        Operation::new("Create a user", "Limited to 10 attempts for an e-mail and 50 from a client IP in 15 minutes, including successful ones; a retry that is answered by its `Idempotency-Key` does not count.")
            .idempotent()
            .json::<Body>(&serde_json::json!({
                "first_name": "Ada", "last_name": "Okafor", "email": example::EMAIL,
                "password": example::PASSWORD,
            }))
            .response::<UserBody<'_>>(201, "The user was created.", example::user())
            .with_location(201, "/users/01990000-0000-7000-8000-00000000ada0")
            .link(
                201,
                "get_user",
                &serde_json::json!({"user_id": "$response.body#/id"}),
                None,
            )
            .errors([
                InvalidUser(fields.to_vec()).into(),
                InvalidUser(vec![Field::NameTooLong, Field::InvalidEmail]).into(),
                InvalidUser(vec![Field::InvalidFirstName, Field::InvalidLastName]).into(),
                InvalidUser(vec![Field::InvalidPassword(Password::TooShort {
                    min_chars,
                })])
                .into(),
                InvalidUser(vec![Field::InvalidPassword(Password::TooLong)]).into(),
                InvalidUser(vec![Field::InvalidPassword(Password::TooCommon)]).into(),
                CreateUserError::EmailTaken.into(),
            ])
            .rate_limited()
    }
}
