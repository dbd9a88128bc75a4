//! `POST /food`: shares a food.

use domain::application::{NewFood, create_food};
use domain::clock::SystemClock;
use domain::repository::UserRepository as _;
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
        let caller = self.auth.caller(&request)?;
        let read = async {
            let new = self.parse(&mut request).await?;
            Ok((self.users.find_latest(caller.user).await?, new))
        };
        let (user, (creator, new)) = self.auth.user_while(caller, read).await?;
        let food = create_food(&self.foods, &self.images, &self.clock, user, creator, new).await?;
        Ok(response::created(&FoodBody::new(&food, &self.urls)))
    }
}

impl CreateFood {
    async fn parse(&self, request: &mut Request) -> Result<NewFood, ApiError> {
        let FoodForm {
            title,
            description,
            image,
        } = FoodForm::parse(request).await?;
        let new = NewFood::parse(&title, &description, image, self.max_image_bytes)?;
        self.images.connect();
        Ok(new)
    }
}
