//! `GET /food/{food_id}`: returns a food and its creator.

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
        let response = response::ok(&Body {
            food: FoodBody::new(&food, &self.urls),
            creator: UserBody::from(&food.creator),
        });
        Ok(response.with_etag(tag))
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
        let about = "The `ETag` of the cached version. The response is 304 if it is still current.";
        Operation::new("Get a food and its creator", "")
            .food_id()
            .header_parameter("If-None-Match", about, &tags)
            .response::<Body<'_>>(200, "The food.", example::food_and_creator())
            .with_etag(200)
            .response_empty(304, "The cached version is current.")
            .with_etag(304)
            .errors([LookupError::NotFound.into()])
    }
}
