//! `GET /food/{food_id}/similar`: returns foods similar to a food.

use domain::clock::SystemClock;
use domain::id::FoodId;
use domain::use_cases::similar_food;
use infrastructure::dynamodb::DynamoDbFoods;

use super::food_body::FoodBody;
use crate::dependencies::{ImageUrls, Neighbours};
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(SimilarFood {
    foods: DynamoDbFoods = foods,
    neighbours: Neighbours = neighbours,
    urls: ImageUrls = image_urls,
});

impl HttpHandler for SimilarFood {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let id = FoodId::parse(&request::path(&request, "food_id"))?;
        let similar = similar_food(&self.neighbours, &self.foods, &SystemClock, id);
        let similar = Box::pin(similar).await?;
        let foods: Vec<_> = similar.iter().map(|food| FoodBody::new(food, &self.urls)).collect();
        Ok(response::ok(&foods).with_cache_control("public, max-age=60"))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for SimilarFood {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::use_cases::LookupError;

        let about = "At most 20 foods: first those liked by the users who like this food, then popular and new foods.";
        let cached = "The list may be cached for a minute.";
        Operation::new("List similar foods", about)
            .food_id()
            .response_array::<FoodBody<'_>>(200, "The foods.", example::food())
            .response_header(200, "Cache-Control", cached, "public, max-age=60", true)
            .errors([LookupError::NotFound.into()])
    }
}
