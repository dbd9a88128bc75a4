//! `GET /food/{food_id}`: one food, and who shared it.

use domain::application::get_food;
use domain::id::FoodId;
use infrastructure::dynamodb::DynamoDbFoods;
use serde::Serialize;

use super::food_body::FoodBody;
use super::user_body::UserBody;
use crate::etag::{etag, has_already};
use crate::setup::ImageUrls;
use crate::{ApiError, Handler, Reply, Request, SettingsError, Setup, request, response};

/// See the module.
pub struct GetFood {
    foods: DynamoDbFoods,
    urls: ImageUrls,
}

impl Handler for GetFood {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            foods: setup.foods()?,
            urls: setup.image_urls()?,
        })
    }

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
        use crate::openapi::Operation;
        use domain::application::LookupError;

        let tags = serde_json::json!({"type": "string"});
        let about = "An `ETag` that is known: while it is the same, the answer is 304.";
        Operation::new("One food", "And who shared it.")
            .food_id()
            .header("If-None-Match", about, &tags, "\"1\"")
            .answers::<Body<'_>>(200, "The food.")
            .tagged(200)
            .answers_nothing(304, "It is as it was.")
            .tagged(304)
            .fails([LookupError::NotFound.into()])
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Example for Body<'_> {
    fn example() -> Self {
        Self {
            food: FoodBody::example(),
            creator: UserBody::example(),
        }
    }
}
