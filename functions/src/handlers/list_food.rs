//! `GET /food`: all foods, newest first.

use domain::food::FoodRepository as _;
use infrastructure::dynamodb::DynamoDbFoods;

use super::food_body::FoodBody;
use crate::setup::ImageUrls;
use crate::{ApiError, Handler, Reply, Request, SettingsError, Setup, page};

/// See the module.
pub struct ListFood {
    foods: DynamoDbFoods,
    urls: ImageUrls,
}

impl Handler for ListFood {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            foods: setup.foods()?,
            urls: setup.image_urls()?,
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let asked = page::parse(&request)?;
        let foods = self.foods.list(asked).await?;
        Ok(page::reply(
            &request,
            asked,
            &foods,
            |food| food.id,
            |food| FoodBody::new(food, &self.urls),
        ))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for ListFood {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        Operation::new("All foods", "Newest first.")
            .paged::<domain::id::FoodId>()
            .answers_array::<FoodBody<'_>>(200, "A part of the list.")
            .linked(200)
    }
}
