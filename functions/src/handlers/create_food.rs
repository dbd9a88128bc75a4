//! `POST /food`: shares a food.

use domain::application::{NewFood, create_food};
use domain::clock::{Clock as _, SystemClock};
use domain::id::{FoodId, UserId};
use domain::idempotency::Operation;
use domain::repository::UserRepository as _;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use infrastructure::s3::S3Images;
use lambda_http::Request;

use super::food_body::FoodBody;
use crate::auth::Auth;
use crate::etag::etag;
use crate::form::FoodForm;
use crate::once::{self, Once};
use crate::settings::SettingsError;
use crate::setup::{ImageUrls, Setup};
use crate::{ApiError, Handler, Reply, response};

/// See the file.
pub struct CreateFood {
    auth: Auth,
    once: Once,
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
            once: setup.once()?,
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
            let (new, operation) = self.parse(&mut request, caller.user).await?;
            let creator = self.users.find_latest(caller.user).await?;
            Ok((creator, new, operation))
        };
        let (user, (creator, new, operation)) = self.auth.user_while(caller, read).await?;
        let id = FoodId::new(self.clock.now());
        let create = |id| async move {
            let (foods, images) = (&self.foods, &self.images);
            let food = create_food(foods, images, &self.clock, user, creator, id, new).await?;
            let answer = response::created(&FoodBody::new(&food, &self.urls));
            Ok(answer.tagged(etag(food.version)))
        };
        self.once.run(operation, id, FoodId::parse, create).await
    }
}

impl CreateFood {
    async fn parse(
        &self,
        request: &mut Request,
        user: UserId,
    ) -> Result<(NewFood, Option<Operation>), ApiError> {
        let FoodForm {
            title,
            description,
            image,
        } = FoodForm::parse(request).await?;
        let picture = image.clone().unwrap_or_default();
        let new = NewFood::parse(&title, &description, image, self.max_image_bytes)?;
        let content = [title.as_bytes(), description.as_bytes(), &picture];
        let operation = once::asked(request, || format!("create_food {user}"), &content)?;
        self.images.connect();
        Ok((new, operation))
    }
}
