//! `GET /users`: lists the users, oldest first.

use domain::user::UserRepository as _;
use infrastructure::dynamodb::DynamoDbUsers;

use super::user_body::UserBody;
use crate::http::pagination;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(ListUsers { users: DynamoDbUsers = users });

impl HttpHandler for ListUsers {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let page_request = pagination::parse(&request)?;
        let users = self.users.list(page_request).await?;
        Ok(pagination::respond(&request, page_request, &users, |user| user.id, UserBody::from))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for ListUsers {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        Operation::new("List users", "Oldest first.")
            .paginated::<domain::id::UserId>()
            .response_array::<UserBody<'_>>(200, "A page of the list.", example::user())
            .with_next_link(200)
            .cacheable_page(200)
    }
}
