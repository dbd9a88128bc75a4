//! `DELETE /users/me`: the caller leaves, with all that is theirs.

use domain::clock::SystemClock;
use domain::use_cases::delete_user;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use infrastructure::s3::S3Images;

use crate::http::auth::Auth;
use crate::http::response;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(DeleteUser {
    auth: Auth = auth,
    users: DynamoDbUsers = users,
    foods: DynamoDbFoods = foods,
    images: S3Images = images,
});

impl HttpHandler for DeleteUser {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let user = self.auth.authenticate(&request).await?;
        let sessions = &self.auth.sessions;
        let (users, foods, images) = (&self.users, &self.foods, &self.images);
        delete_user(users, foods, images, sessions, &SystemClock, user).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for DeleteUser {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        let about = "With the foods, their images and all sessions. Whoever has very many foods may be answered 503 with `Retry-After`, \
             and asks again until it is 204.";
        Operation::new("Delete the account", about).answers_nothing(204, "It is gone.")
    }
}
