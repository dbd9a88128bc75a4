//! `PUT /food/{food_id}`: changes a food of the caller's.

use domain::application::{FoodChange, find_upload, update_food};
use domain::clock::SystemClock;
use domain::food::{Food, FoodRepository as _};
use domain::id::{FoodId, UserId};
use domain::image::{GivenImage, UploadKey, UploadStore as _};
use futures_util::future::try_join;
use infrastructure::dynamodb::DynamoDbFoods;
use infrastructure::s3::S3Images;
use lambda_http::Request;

use super::food_body::FoodBody;
use crate::auth::Auth;
use crate::etag::{etag, if_match};
use crate::food_request::{FoodRequest, RequestImage};
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
        // Boxed: with an upload it is a large future.
        let read = Box::pin(self.read(&mut request, caller.user));
        let (user, asked) = self.auth.user_while(caller, read).await?;
        let Asked {
            found,
            change,
            upload,
        } = asked;
        let (foods, images, clock) = (&self.foods, &self.images, &self.clock);
        let food = update_food(foods, images, clock, user, found, &expected?, change).await?;
        if let Some(upload) = upload {
            // The food has a picture of its own. What stays here is gone after a day.
            let _ = self.images.delete_upload(&upload).await;
        }
        let answer = response::ok(&FoodBody::new(&food, &self.urls));
        Ok(answer.tagged(etag(&food)))
    }
}

/// What a request asks for, and of which food.
struct Asked {
    found: Option<Food>,
    change: FoodChange,
    upload: Option<UploadKey>,
}

impl UpdateFood {
    async fn read(&self, request: &mut Request, user: UserId) -> Result<Asked, ApiError> {
        let id = FoodId::parse(&request::path(request, "food_id"))?;
        let asked = FoodRequest::parse(request).await?;
        let max_bytes = self.max_image_bytes;
        let parse = |given| FoodChange::parse(&asked.title, &asked.description, given, max_bytes);
        let found = self.foods.find_latest(id);
        let upload_id = match asked.image {
            RequestImage::Upload(id) => id,
            image => {
                let change = parse(match image {
                    RequestImage::File(bytes) => {
                        self.images.connect();
                        GivenImage::File(bytes)
                    }
                    _ => GivenImage::None,
                })?;
                return Ok(Asked {
                    found: found.await?,
                    change,
                    upload: None,
                });
            }
        };
        let given = find_upload(&self.images, user, &upload_id, max_bytes);
        let (found, given) = try_join(found, given).await?;
        let has_it = |food: &Food| food.upload.is_some_and(|id| id.to_string() == upload_id);
        let (given, upload) = match given {
            // Asked for again, after an answer was lost: the food has this picture.
            GivenImage::NoSuchUpload if found.as_ref().is_some_and(has_it) => {
                (GivenImage::None, None)
            }
            GivenImage::Upload(upload) => {
                let key = upload.key.clone();
                (GivenImage::Upload(upload), Some(key))
            }
            given => (given, None),
        };
        Ok(Asked {
            found,
            change: parse(given)?,
            upload,
        })
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for UpdateFood {
    fn describe() -> crate::openapi::Operation {
        use crate::food_request::invalid_food;
        use crate::openapi::Operation;
        use domain::application::{InvalidFood, InvalidFoodField as Field, UpdateFoodError};

        Operation::new(
            "Change a food",
            "For who shared it. Without a picture the old one stays.",
        )
        .food_id()
        .if_match()
        .form::<crate::food_request::Form>(
            &serde_json::json!({"title": "Jollof rice", "description": "<p>Smoky</p>"}),
        )
        .json::<crate::food_request::Body>(
            &serde_json::json!({"title": "Jollof rice", "description": "<p>Smoky</p>"}),
        )
        .answers::<FoodBody<'_>>(200, "The food as it is now.")
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
