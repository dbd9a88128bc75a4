//! `PUT /food/{food_id}`: changes a food of the caller's.

use domain::application::{FoodChange, update_food};
use domain::clock::SystemClock;
use domain::id::FoodId;
use domain::repository::FoodRepository as _;
use infrastructure::dynamodb::DynamoDbFoods;
use infrastructure::s3::S3Images;
use lambda_http::Request;

use super::food_body::FoodBody;
use crate::auth::Auth;
use crate::etag::{etag, if_match};
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
        let caller = self.auth.caller(&request)?;
        let expected = if_match(&request);
        let read = async {
            let (id, change) = self.parse(&mut request).await?;
            Ok((self.foods.find_latest(id).await?, change))
        };
        let (user, (found, change)) = self.auth.user_while(caller, read).await?;
        let (foods, images, clock) = (&self.foods, &self.images, &self.clock);
        let food = update_food(foods, images, clock, user, found, &expected?, change).await?;
        let answer = response::ok(&FoodBody::new(&food, &self.urls));
        Ok(answer.tagged(etag(food.version)))
    }
}

impl UpdateFood {
    async fn parse(&self, request: &mut Request) -> Result<(FoodId, FoodChange), ApiError> {
        let id = FoodId::parse(&request::path(request, "food_id"))?;
        let FoodForm {
            title,
            description,
            image,
        } = FoodForm::parse(request).await?;
        let has_image = image.is_some();
        let change = FoodChange::parse(&title, &description, image, self.max_image_bytes)?;
        if has_image {
            self.images.connect();
        }
        Ok((id, change))
    }
}
