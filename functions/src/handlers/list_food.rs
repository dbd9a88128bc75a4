//! `GET /food`: lists the foods, newest first.

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
        let page_request = pagination::parse(&request)?;
        let foods = self.foods.list(page_request).await?;
        Ok(pagination::respond(
            &request,
            page_request,
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
        Operation::new("List foods", "Newest first.")
            .paginated::<domain::id::FoodId>()
            .response_array::<FoodBody<'_>>(200, "A page of the list.", example::food())
            .with_next_link(200)
            .cacheable_page(200)
    }
}
