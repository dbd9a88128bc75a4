//! `GET /food/{food_id}`: one food, and who shared it.

use domain::id::FoodId;
use domain::use_cases::get_food;
use infrastructure::dynamodb::DynamoDbFoods;
use serde::Serialize;

use super::food_body::FoodBody;
use super::user_body::UserBody;
use crate::dependencies::ImageUrls;
use crate::http::etag::{etag, is_not_modified};
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(GetFood {
    foods: DynamoDbFoods = foods,
    urls: ImageUrls = image_urls,
});

impl HttpHandler for GetFood {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let id = FoodId::parse(&request::path(&request, "food_id"))?;
        let food = get_food(&self.foods, id).await?;
        let tag = etag(&food);
        if is_not_modified(&request, &food) {
            return Ok(response::not_modified(tag));
        }
        let answer = response::ok(&Body {
            food: FoodBody::new(&food, &self.urls),
            creator: UserBody::from(&food.creator),
        });
        Ok(answer.with_etag(tag))
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FoodAndCreator))]
struct Body<'a> {
    food: FoodBody<'a>,
    creator: UserBody<'a>,
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for GetFood {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::use_cases::LookupError;

        let tags = serde_json::json!({"type": "string"});
        let about = "An `ETag` that is known: while it is the same, the answer is 304.";
        Operation::new("One food", "And who shared it.")
            .food_id()
            .header("If-None-Match", about, &tags, "\"1\"")
            .answers::<Body<'_>>(200, "The food.", example::food_and_creator())
            .with_etag(200)
            .answers_nothing(304, "It is as it was.")
            .with_etag(304)
            .errors([LookupError::NotFound.into()])
    }
}
