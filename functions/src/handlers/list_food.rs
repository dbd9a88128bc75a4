//! `GET /food`: all foods, newest first.

use domain::food::FoodRepository as _;
use infrastructure::dynamodb::DynamoDbFoods;

use super::food_body::FoodBody;
use crate::dependencies::ImageUrls;
use crate::http::pagination;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(ListFood {
    foods: DynamoDbFoods = foods,
    urls: ImageUrls = image_urls,
});

impl HttpHandler for ListFood {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let asked = pagination::parse(&request)?;
        let foods = self.foods.list(asked).await?;
        Ok(pagination::reply(
            &request,
            asked,
            &foods,
            |food| food.id,
            |food| FoodBody::new(food, &self.urls),
        ))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for ListFood {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        Operation::new("All foods", "Newest first.")
            .paged::<domain::id::FoodId>()
            .answers_array::<FoodBody<'_>>(200, "A part of the list.", example::food())
            .linked(200)
    }
}
