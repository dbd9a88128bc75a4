//! `DELETE /users/me`: the caller leaves, with all that is theirs.

use domain::application::delete_user;
use domain::clock::SystemClock;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use infrastructure::s3::S3Images;

use crate::auth::Auth;
use crate::{ApiError, Handler, Reply, Request, response};

crate::setup::function!(DeleteUser {
    auth: Auth = auth,
    users: DynamoDbUsers = users,
    foods: DynamoDbFoods = foods,
    images: S3Images = images,
});

impl Handler for DeleteUser {
    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let user = self.auth.signed_in(&request).await?;
        let sessions = &self.auth.sessions;
        let (users, foods, images) = (&self.users, &self.foods, &self.images);
        delete_user(users, foods, images, sessions, &SystemClock, user).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for DeleteUser {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        let about = "With the foods, their pictures and all sessions. Whoever has very many foods may be answered 503 with `Retry-After`, \
             and asks again until it is 204.";
        Operation::new("Delete the account", about).answers_nothing(204, "It is gone.")
    }
}
