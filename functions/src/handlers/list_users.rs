//! `GET /users`: everybody, oldest first.

use domain::user::UserRepository as _;
use infrastructure::dynamodb::DynamoDbUsers;

use super::user_body::UserBody;
use crate::{ApiError, Handler, Reply, Request, SettingsError, Setup, page};

/// See the module.
pub struct ListUsers {
    users: DynamoDbUsers,
}

impl Handler for ListUsers {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            users: setup.users()?,
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let asked = page::parse(&request)?;
        let users = self.users.list(asked).await?;
        Ok(page::reply(
            &request,
            asked,
            &users,
            |user| user.id,
            UserBody::from,
        ))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for ListUsers {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        Operation::new("All users", "Oldest first.")
            .paged::<domain::id::UserId>()
            .answers_array::<UserBody<'_>>(200, "A part of the list.")
            .linked(200)
    }
}
