//! `DELETE /food/{food_id}/like`: removes a like.

use domain::food::FoodRepository as _;
use domain::id::FoodId;
use domain::use_cases::unlike_food;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes};
use lambda_http::Request;

use super::like_body::LikeBody;
use crate::http::auth::Auth;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Response};

crate::dependencies::function!(UnlikeFood {
    auth: Auth = auth,
    foods: DynamoDbFoods = foods,
    likes: DynamoDbLikes = likes,
});

impl HttpHandler for UnlikeFood {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token(&request)?;
        let read = async {
            let id = FoodId::parse(&request::path(&request, "food_id"))?;
            Ok(self.foods.find_consistent(id).await?)
        };
        let (user, food) = self.auth.require_session_while(caller, read).await?;
        let status = unlike_food(&self.likes, user, food.as_ref()).await?;
        Ok(response::ok(&LikeBody::from(status)))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for UnlikeFood {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::use_cases::LookupError;

        let about = "Idempotent: succeeds if the user does not like the food.";
        Operation::new("Remove a like", about)
            .food_id()
            .response::<LikeBody>(
                200,
                "The user does not like the food.",
                example::likes(11, false),
            )
            .errors([LookupError::NotFound.into()])
    }
}
