//! `GET /users/{user_id}/food`: lists the foods of a user, newest first.

use domain::id::UserId;
use domain::use_cases::list_user_food;
use infrastructure::dynamodb::DynamoDbFoods;

use super::food_body::FoodBody;
use crate::dependencies::ImageUrls;
use crate::http::{pagination, request};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(ListUserFood {
    foods: DynamoDbFoods = foods,
    urls: ImageUrls = image_urls,
});

impl HttpHandler for ListUserFood {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let owner = UserId::parse(&request::path(&request, "user_id"))?;
        let page_request = pagination::parse(&request)?;
        let page = list_user_food(&self.foods, owner, page_request).await?;
        let foods: Vec<_> = page.foods.iter().map(|food| FoodBody::new(food, &self.urls)).collect();
        Ok(pagination::respond_with(&request, page_request.size, &foods, page.next))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for ListUserFood {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};

        let about = "Newest first. The list of an unknown or deleted user is empty.";
        Operation::new("List foods of a user", about)
            .path_id("user_id", "user")
            .paginated::<domain::id::FoodId>()
            .response_array::<FoodBody<'_>>(200, "A page of the list.", example::food())
            .with_next_link(200)
            .cacheable_page(200)
    }
}
