//! `PUT /users/me/password`: another password for the caller.

use domain::application::{PasswordChange, admit, change_password};
use domain::attempt::{Attempted, Limits};
use domain::clock::SystemClock;
use domain::password::PasswordPolicy;
use infrastructure::argon2::Argon2Hasher;
use infrastructure::dynamodb::DynamoDbUsers;
use lambda_http::Request;
use serde::Deserialize;

use crate::auth::Auth;
use crate::settings::SettingsError;
use crate::setup::Setup;
use crate::{ApiError, Handler, Reply, request, response};

/// See the file.
pub struct ChangePassword {
    auth: Auth,
    users: DynamoDbUsers,
    hasher: Argon2Hasher,
    clock: SystemClock,
    limits: Limits,
    policy: PasswordPolicy,
}

impl Handler for ChangePassword {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            auth: setup.auth()?,
            users: setup.users()?,
            hasher: setup.hasher(),
            clock: setup.clock(),
            limits: setup.login_limits()?,
            policy: setup.password_policy()?,
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let caller = self.auth.caller(&request)?;
        let user = self.auth.user(caller).await?;
        let body: Body = request::json(&request)?;
        let change = PasswordChange::parse(
            &body.old_password.unwrap_or_default(),
            &body.new_password.unwrap_or_default(),
            self.policy,
        )?;
        self.hasher.prepare();
        // Who has a token may not guess the password for ever either.
        let (sessions, source) = (&self.auth.sessions, request::source(&request));
        let account = caller.user.to_string();
        let (clock, limits) = (&self.clock, &self.limits);
        let changing = Attempted::ChangePassword;
        let admitted = admit(sessions, clock, limits, changing, &account, &source).await?;
        let (users, hasher) = (&self.users, &self.hasher);
        change_password(users, sessions, hasher, user, admitted, change).await?;
        Ok(response::no_content())
    }
}

#[derive(Deserialize)]
struct Body {
    old_password: Option<String>,
    new_password: Option<String>,
}
