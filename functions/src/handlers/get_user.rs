//! `GET /users/{user_id}`: one user.

use domain::application::get_user;
use domain::id::UserId;
use infrastructure::dynamodb::DynamoDbUsers;

use super::user_body::UserBody;
use crate::{ApiError, Handler, Reply, Request, SettingsError, Setup, request, response};

/// See the module.
pub struct GetUser {
    users: DynamoDbUsers,
}

impl Handler for GetUser {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            users: setup.users()?,
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let id = UserId::parse(&request::path(&request, "user_id"))?;
        let user = get_user(&self.users, id).await?;
        Ok(response::ok(&UserBody::from(&user)))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for GetUser {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        use domain::application::LookupError;

        Operation::new("One user", "")
            .id("user_id", "user", crate::openapi::example::USER_ID)
            .answers::<UserBody<'_>>(200, "The user.")
            .fails([LookupError::NotFound.into()])
    }
}
