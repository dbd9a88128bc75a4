//! `PUT /food/{food_id}/like`: likes a food.

use domain::clock::SystemClock;
use domain::food::FoodRepository as _;
use domain::id::FoodId;
use domain::use_cases::like_food;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes};
use lambda_http::Request;

use super::like_body::LikeBody;
use crate::http::auth::Auth;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Response};

crate::dependencies::function!(LikeFood {
    auth: Auth = auth,
    foods: DynamoDbFoods = foods,
    likes: DynamoDbLikes = likes,
});

impl HttpHandler for LikeFood {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token(&request)?;
        let read = async {
            let id = FoodId::parse(&request::path(&request, "food_id"))?;
            Ok(self.foods.find_consistent(id).await?)
        };
        let (user, food) = self.auth.require_session_while(caller, read).await?;
        let status = like_food(&self.likes, &SystemClock, user, food.as_ref()).await?;
        Ok(response::ok(&LikeBody::from(status)))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for LikeFood {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::use_cases::LikeFoodError;

        let about = "Idempotent: a food that the user likes already keeps its likes. Users cannot like their own foods. The next \
             `GET /recommendations` of the user takes the like into account; other users' recommendations follow within seconds.";
        Operation::new("Like a food", about)
            .food_id()
            .response::<LikeBody>(200, "The user likes the food.", example::likes(12, true))
            .errors([LikeFoodError::NotFound.into(), LikeFoodError::OwnFood.into()])
    }
}
