//! `GET /users`: everybody, oldest first.

use domain::user::UserRepository as _;
use infrastructure::dynamodb::DynamoDbUsers;

use super::user_body::UserBody;
use crate::{ApiError, Handler, Reply, Request, page};

crate::setup::function!(ListUsers {
    users: DynamoDbUsers = users,
});

impl Handler for ListUsers {
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
        use crate::openapi::{Operation, example};
        Operation::new("All users", "Oldest first.")
            .paged::<domain::id::UserId>()
            .answers_array::<UserBody<'_>>(200, "A part of the list.", example::user())
            .linked(200)
    }
}
