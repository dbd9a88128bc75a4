//! `DELETE /food/{food_id}`: takes a food of the caller's back.

use domain::application::delete_food;
use domain::food::FoodRepository as _;
use domain::id::FoodId;
use infrastructure::dynamodb::DynamoDbFoods;
use infrastructure::s3::S3Images;
use lambda_http::Request;

use crate::auth::Auth;
use crate::etag::if_match;
use crate::{ApiError, Handler, Reply, request, response};

crate::setup::function!(DeleteFood {
    auth: Auth = auth,
    foods: DynamoDbFoods = foods,
    images: S3Images = images,
});

impl Handler for DeleteFood {
    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let caller = self.auth.caller(&request)?;
        let read = async {
            let id = FoodId::parse(&request::path(&request, "food_id"))?;
            self.images.connect();
            Ok(self.foods.find_latest(id).await?)
        };
        let (user, found) = self.auth.user_while(caller, read).await?;
        let expected = if_match(&request)?;
        delete_food(&self.foods, &self.images, user, found, &expected).await?;
        Ok(response::ok(&"food deleted"))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for DeleteFood {
    fn describe() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        use domain::application::DeleteFoodError;

        Operation::new(
            "Take a food back",
            "For who shared it. Its title is free then.",
        )
        .food_id()
        .if_match()
        .answers_sentence(200, "food deleted")
        .fails([
            DeleteFoodError::NotFound.into(),
            DeleteFoodError::NotOwner.into(),
        ])
    }
}
