//! `GET /users/{user_id}`: one user.

use domain::application::get_user;
use domain::id::UserId;
use infrastructure::dynamodb::DynamoDbUsers;

use super::user_body::UserBody;
use crate::{ApiError, Handler, Reply, Request, request, response};

crate::setup::function!(GetUser {
    users: DynamoDbUsers = users,
});

impl Handler for GetUser {
    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let id = UserId::parse(&request::path(&request, "user_id"))?;
        let user = get_user(&self.users, id).await?;
        Ok(response::ok(&UserBody::from(&user)))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for GetUser {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::application::LookupError;

        Operation::new("One user", "")
            .id("user_id", "user", example::USER_ID)
            .answers::<UserBody<'_>>(200, "The user.", example::user())
            .fails([LookupError::NotFound.into()])
    }
}
