//! `DELETE /users/me`: deletes the user's account, foods, images, likes and sessions.

use domain::clock::SystemClock;
use domain::use_cases::{authenticate_deletion, delete_user};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes, DynamoDbUsers};
use infrastructure::s3::S3Images;

use crate::http::auth::Auth;
use crate::http::response;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(DeleteUser {
    auth: Auth = auth,
    users: DynamoDbUsers = users,
    foods: DynamoDbFoods = foods,
    likes: DynamoDbLikes = likes,
    images: S3Images = images,
});

impl HttpHandler for DeleteUser {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token(&request)?;
        let user = authenticate_deletion(&self.auth.active_sessions(), caller).await?;
        let sessions = &self.auth.sessions;
        let (users, foods, images) = (&self.users, &self.foods, &self.images);
        delete_user(users, foods, &self.likes, images, sessions, &SystemClock, user).await?;
        Ok(response::no_content())
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for DeleteUser {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        let about = "Deletes the user's foods, images, likes and sessions too. With very many foods the response may be 503 with `Retry-After`; \
             repeat the request until it returns 204.";
        Operation::new("Delete the account", about).response_empty(204, "The account was deleted.")
    }
}
