//! `DELETE /food/{food_id}`: deletes a food of the user.

use domain::food::FoodRepository as _;
use domain::id::FoodId;
use domain::use_cases::delete_food;
use infrastructure::dynamodb::DynamoDbFoods;
use infrastructure::s3::S3Images;
use lambda_http::Request;

use crate::http::auth::Auth;
use crate::http::etag::precondition;
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Response};

crate::dependencies::function!(DeleteFood {
    auth: Auth = auth,
    foods: DynamoDbFoods = foods,
    images: S3Images = images,
});

impl HttpHandler for DeleteFood {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token(&request)?;
        let read = async {
            let id = FoodId::parse(&request::path(&request, "food_id"))?;
            self.images.preconnect();
            Ok(self.foods.find_consistent(id).await?)
        };
        let (user, found) = self.auth.require_session_while(caller, read).await?;
        let expected = precondition(&request)?;
        delete_food(&self.foods, &self.images, user, found, &expected).await?;
        Ok(response::ok(&"food deleted"))
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for DeleteFood {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::Operation;
        use domain::use_cases::DeleteFoodError;

        Operation::new(
            "Delete a food",
            "Only the owner can delete a food. The title can be used again afterwards.",
        )
        .food_id()
        .if_match()
        .response_text(200, "food deleted")
        .errors([DeleteFoodError::NotFound.into(), DeleteFoodError::NotOwner.into()])
    }
}
