//! `GET /users`: everybody, oldest first.

use domain::user::UserRepository as _;
use infrastructure::dynamodb::DynamoDbUsers;

use super::user_body::UserBody;
use crate::http::pagination;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(ListUsers {
    users: DynamoDbUsers = users,
});

impl HttpHandler for ListUsers {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let asked = pagination::parse(&request)?;
        let users = self.users.list(asked).await?;
        Ok(pagination::reply(
            &request,
            asked,
            &users,
            |user| user.id,
            UserBody::from,
        ))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for ListUsers {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        Operation::new("All users", "Oldest first.")
            .paged::<domain::id::UserId>()
            .answers_array::<UserBody<'_>>(200, "A part of the list.", example::user())
            .linked(200)
    }
}
