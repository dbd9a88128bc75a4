//! `PUT /food/{food_id}`: updates a food of the user.

use domain::clock::SystemClock;
use domain::food::FoodRepository as _;
use domain::id::FoodId;
use domain::use_cases::update_food;
use infrastructure::dynamodb::DynamoDbFoods;
use lambda_http::Request;

use super::food_body::FoodBody;
use crate::dependencies::{ImageUrls, Images};
use crate::handlers::food_request;
use crate::http::auth::Auth;
use crate::http::etag::{etag, precondition};
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Response};

crate::dependencies::function!(UpdateFood {
    auth: Auth = auth,
    foods: DynamoDbFoods = foods,
    images: Images = image_pipeline,
    urls: ImageUrls = image_urls,
});

impl HttpHandler for UpdateFood {
    async fn handle(&self, mut request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token(&request)?;
        let read = async {
            let id = FoodId::parse(&request::path(&request, "food_id"))?;
            let expected = precondition(&request)?;
            let input = food_request::parse(&mut request).await?;
            Ok((expected, input, self.foods.find_consistent(id).await?))
        };
        let (user, (expected, input, found)) =
            self.auth.require_session_while(caller, read).await?;
        let (foods, images) = (&self.foods, &self.images);
        let food = update_food(foods, images, &SystemClock, user, found, &expected, input);
        let food = Box::pin(food).await?;
        let response = response::ok(&FoodBody::new(&food, &self.urls));
        Ok(response.with_etag(etag(&food)))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for UpdateFood {
    fn operation() -> crate::openapi::Operation {
        use crate::handlers::food_request::invalid_food;
        use crate::openapi::{Operation, example};
        use domain::use_cases::{InvalidFood, InvalidFoodField as Field, UpdateFoodError};

        Operation::new(
            "Update a food",
            "Only the owner can update a food. Without an image, the current image stays. Send `If-Match` to update one version only; \
             without it, an update that conflicts with a concurrent one returns 409 `edit_conflict`.",
        )
        .food_id()
        .if_match()
        .form::<crate::handlers::food_request::Form>(
            &serde_json::json!({"title": example::TITLE, "description": example::DESCRIPTION}),
        )
        .json::<crate::handlers::food_request::Body>(
            &serde_json::json!({"title": example::TITLE, "description": example::DESCRIPTION}),
        )
        .response::<FoodBody<'_>>(200, "The food was updated.", example::food())
        .with_etag(200)
        .errors([InvalidFood(vec![Field::TitleRequired, Field::DescriptionRequired]).into()])
        .errors(invalid_food())
        .errors([
            UpdateFoodError::NotFound.into(),
            UpdateFoodError::NotOwner.into(),
            UpdateFoodError::TitleTaken.into(),
            UpdateFoodError::Conflict.into(),
        ])
    }
}
