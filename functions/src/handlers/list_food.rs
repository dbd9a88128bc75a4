//! `GET /food`: all foods, newest first.

use domain::food::FoodRepository as _;
use infrastructure::dynamodb::DynamoDbFoods;

use super::food_body::FoodBody;
use crate::setup::ImageUrls;
use crate::{ApiError, Handler, Reply, Request, page};

crate::setup::function!(ListFood {
    foods: DynamoDbFoods = foods,
    urls: ImageUrls = image_urls,
});

impl Handler for ListFood {
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
        use crate::openapi::{Operation, example};
        Operation::new("All foods", "Newest first.")
            .paged::<domain::id::FoodId>()
            .answers_array::<FoodBody<'_>>(200, "A part of the list.", example::food())
            .linked(200)
    }
}
