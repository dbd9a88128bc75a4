//! `PUT /food/{food_id}`: updates a food of the caller.

use domain::application::update_food;
use domain::clock::SystemClock;
use domain::food::FoodRepository as _;
use domain::id::FoodId;
use infrastructure::dynamodb::DynamoDbFoods;
use lambda_http::Request;

use super::food_body::FoodBody;
use crate::auth::Auth;
use crate::etag::{etag, if_match};
use crate::setup::{ImageUrls, Images};
use crate::{ApiError, Handler, Reply, food_request, request, response};

crate::setup::function!(UpdateFood {
    auth: Auth = auth,
    foods: DynamoDbFoods = foods,
    images: Images = image_pipeline,
    urls: ImageUrls = image_urls,
});

impl Handler for UpdateFood {
    async fn handle(&self, mut request: Request) -> Result<Reply, ApiError> {
        let caller = self.auth.caller(&request)?;
        let read = async {
            let id = FoodId::parse(&request::path(&request, "food_id"))?;
            let expected = if_match(&request)?;
            let input = food_request::parse(&mut request).await?;
            Ok((expected, input, self.foods.find_latest(id).await?))
        };
        let (user, (expected, input, found)) = self.auth.user_while(caller, read).await?;
        let (foods, images) = (&self.foods, &self.images);
        let food = update_food(foods, images, &SystemClock, user, found, &expected, input);
        let food = Box::pin(food).await?;
        let response = response::ok(&FoodBody::new(&food, &self.urls));
        Ok(response.tagged(etag(&food)))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for UpdateFood {
    fn describe() -> crate::openapi::Operation {
        use crate::food_request::invalid_food;
        use crate::openapi::{Operation, example};
        use domain::application::{InvalidFood, InvalidFoodField as Field, UpdateFoodError};

        Operation::new(
            "Change a food",
            "For the owner. Without an image the old one stays.",
        )
        .food_id()
        .if_match()
        .form::<crate::food_request::Form>(
            &serde_json::json!({"title": "Jollof rice", "description": "<p>Smoky</p>"}),
        )
        .json::<crate::food_request::Body>(
            &serde_json::json!({"title": "Jollof rice", "description": "<p>Smoky</p>"}),
        )
        .answers::<FoodBody<'_>>(200, "The food as it is now.", example::food())
        .tagged(200)
        .fails([InvalidFood(vec![Field::TitleRequired, Field::DescriptionRequired]).into()])
        .fails(invalid_food())
        .fails([
            UpdateFoodError::NotFound.into(),
            UpdateFoodError::NotOwner.into(),
            UpdateFoodError::TitleTaken.into(),
            UpdateFoodError::Conflict.into(),
        ])
    }
}
