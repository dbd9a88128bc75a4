//! `POST /food`: shares a food.

use domain::application::{NewFood, create_food};
use domain::clock::SystemClock;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use infrastructure::s3::S3Images;
use lambda_http::Request;

use super::food_body::FoodBody;
use crate::auth::Auth;
use crate::form::FoodForm;
use crate::settings::SettingsError;
use crate::setup::{ImageUrls, Setup};
use crate::{ApiError, Handler, Reply, response};

/// See the file.
pub struct CreateFood {
    auth: Auth,
    users: DynamoDbUsers,
    foods: DynamoDbFoods,
    images: S3Images,
    clock: SystemClock,
    urls: ImageUrls,
    max_image_bytes: usize,
}

impl Handler for CreateFood {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        Ok(Self {
            auth: setup.auth()?,
            users: setup.users()?,
            foods: setup.foods()?,
            images: setup.images()?,
            clock: setup.clock(),
            urls: setup.image_urls()?,
            max_image_bytes: setup.max_image_bytes()?,
        })
    }

    async fn handle(&self, mut request: Request) -> Result<Reply, ApiError> {
        let signed_in = self.auth.user(&request).await?;
        let form = FoodForm::parse(&mut request).await?;
        let new = NewFood::parse(
            &form.title,
            &form.description,
            form.image,
            self.max_image_bytes,
        )?;
        let food = create_food(
            &self.users,
            &self.foods,
            &self.images,
            &self.clock,
            signed_in.user,
            new,
        )
        .await?;
        Ok(response::created(&FoodBody::new(&food, &self.urls)))
    }
}
