//! `GET /users/{user_id}`: returns a user.

use domain::id::UserId;
use domain::use_cases::get_user;
use infrastructure::dynamodb::DynamoDbUsers;

use super::user_body::UserBody;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(GetUser { users: DynamoDbUsers = users });

impl HttpHandler for GetUser {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let id = UserId::parse(&request::path(&request, "user_id"))?;
        let user = get_user(&self.users, id).await?;
        Ok(response::ok(&UserBody::from(&user)))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for GetUser {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::use_cases::LookupError;

        Operation::new("Get a user", "")
            .path_id("user_id", "user")
            .response::<UserBody<'_>>(200, "The user.", example::user())
            .errors([LookupError::NotFound.into()])
    }
}
