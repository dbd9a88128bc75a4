//! `PUT /food/{food_id}`: changes a food of the caller's.

use domain::application::{FoodChange, update_food};
use domain::clock::SystemClock;
use domain::id::FoodId;
use infrastructure::dynamodb::DynamoDbFoods;
use infrastructure::s3::S3Images;
use lambda_http::Request;

use super::food_body::FoodBody;
use crate::auth::Auth;
use crate::form::FoodForm;
use crate::settings::SettingsError;
use crate::setup::{ImageUrls, Setup};
use crate::{ApiError, Handler, Reply, request, response};

/// See the file.
pub struct UpdateFood {
    auth: Auth,
    foods: DynamoDbFoods,
    images: S3Images,
    clock: SystemClock,
    urls: ImageUrls,
    max_image_bytes: usize,
}

impl Handler for UpdateFood {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            auth: setup.auth()?,
            foods: setup.foods()?,
            images: setup.images()?,
            clock: setup.clock(),
            urls: setup.image_urls()?,
            max_image_bytes: setup.max_image_bytes()?,
        })
    }

    async fn handle(&self, mut request: Request) -> Result<Reply, ApiError> {
        let signed_in = self.auth.user(&request).await?;
        let id = FoodId::parse(&request::path(&request, "food_id"))?;
        let form = FoodForm::parse(&mut request).await?;
        let change = FoodChange::parse(
            &form.title,
            &form.description,
            form.image,
            self.max_image_bytes,
        )?;
        let food = update_food(
            &self.foods,
            &self.images,
            &self.clock,
            id,
            signed_in.user,
            change,
        )
        .await?;
        Ok(response::ok(&FoodBody::new(&food, &self.urls)))
    }
}
