//! `POST /users`: signs somebody up.

use domain::application::{NewUser, create_user};
use domain::clock::SystemClock;
use domain::password::PasswordPolicy;
use infrastructure::argon2::Argon2Hasher;
use infrastructure::dynamodb::DynamoDbUsers;
use lambda_http::Request;
use serde::Deserialize;

use super::user_body::UserBody;
use crate::settings::SettingsError;
use crate::setup::Setup;
use crate::{ApiError, Handler, Reply, request, response};

/// See the file.
pub struct CreateUser {
    users: DynamoDbUsers,
    hasher: Argon2Hasher,
    clock: SystemClock,
    policy: PasswordPolicy,
}

impl Handler for CreateUser {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            users: setup.users()?,
            hasher: setup.hasher(),
            clock: setup.clock(),
            policy: setup.password_policy()?,
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let body: Body = request::json(&request)?;
        let new = NewUser::parse(
            &body.first_name.unwrap_or_default(),
            &body.last_name.unwrap_or_default(),
            &body.email.unwrap_or_default(),
            &body.password.unwrap_or_default(),
            self.policy,
        )?;
        let user = create_user(&self.users, &self.hasher, &self.clock, new).await?;
        Ok(response::created(&UserBody::from(&user)))
    }
}

#[derive(Deserialize)]
struct Body {
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    password: Option<String>,
}
