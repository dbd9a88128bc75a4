//! `GET /food/{food_id}`: one food, and who shared it.

use domain::application::get_food;
use domain::id::FoodId;
use infrastructure::dynamodb::DynamoDbFoods;
use serde::Serialize;

use super::food_body::FoodBody;
use super::user_body::UserBody;
use crate::etag::{etag, has_already};
use crate::setup::ImageUrls;
use crate::{ApiError, Handler, Reply, Request, request, response};

crate::setup::function!(GetFood {
    foods: DynamoDbFoods = foods,
    urls: ImageUrls = image_urls,
});

impl Handler for GetFood {
    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let id = FoodId::parse(&request::path(&request, "food_id"))?;
        let food = get_food(&self.foods, id).await?;
        let tag = etag(&food);
        if has_already(&request, &food) {
            return Ok(response::not_modified(tag));
        }
        let answer = response::ok(&Body {
            food: FoodBody::new(&food, &self.urls),
            creator: UserBody::from(&food.creator),
        });
        Ok(answer.tagged(tag))
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FoodAndCreator))]
struct Body<'a> {
    food: FoodBody<'a>,
    creator: UserBody<'a>,
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for GetFood {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::application::LookupError;

        let tags = serde_json::json!({"type": "string"});
        let about = "An `ETag` that is known: while it is the same, the answer is 304.";
        Operation::new("One food", "And who shared it.")
            .food_id()
            .header("If-None-Match", about, &tags, "\"1\"")
            .answers::<Body<'_>>(200, "The food.", example::food_and_creator())
            .tagged(200)
            .answers_nothing(304, "It is as it was.")
            .tagged(304)
            .fails([LookupError::NotFound.into()])
    }
}
