//! `POST /food`: shares a food.

use domain::application::{InvalidFood, NewFood, create_food, find_upload};
use domain::clock::{Clock as _, SystemClock};
use domain::food::FoodRepository as _;
use domain::id::{FoodId, UserId};
use domain::idempotency::Operation;
use domain::image::{GivenImage, UploadKey, UploadStore as _};
use domain::user::{PublicUser, UserRepository as _};
use futures_util::future::try_join;
use http::StatusCode;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use infrastructure::s3::S3Images;
use lambda_http::Request;

use super::food_body::FoodBody;
use crate::auth::Auth;
use crate::etag::etag;
use crate::food_request::{FoodRequest, RequestImage};
use crate::idempotency::{IdempotencyGuard, idempotent_operation};
use crate::settings::SettingsError;
use crate::setup::{ImageUrls, Setup};
use crate::{ApiError, Handler, Reply, response};

/// See the file.
pub struct CreateFood {
    auth: Auth,
    idempotency: IdempotencyGuard,
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
            idempotency: setup.idempotency()?,
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
        // Boxed: with an upload it is a large future.
        let read = Box::pin(self.read(&mut request, caller.user));
        let (user, asked) = self.auth.user_while(caller, read).await?;
        let Asked {
            new,
            creator,
            operation,
            upload,
        } = asked;
        let id = FoodId::new(self.clock.now());
        let create = |id| async move {
            let (foods, images) = (&self.foods, &self.images);
            let food = match new {
                Ok(new) => create_food(foods, images, &self.clock, user, creator, id, new).await?,
                // An attempt before has made it, and used up the upload.
                Err(invalid) => foods.find_latest(id).await?.ok_or(invalid)?,
            };
            let answer = response::created(&FoodBody::new(&food, &self.urls));
            Ok(answer.tagged(etag(&food)))
        };
        let answer = self
            .idempotency
            .execute(operation, id, FoodId::parse, create)
            .await?;
        if let Some(upload) = upload.filter(|_| answer.status == StatusCode::CREATED) {
            // The food has a picture of its own. What stays here is gone after a day.
            let _ = self.images.delete_upload(&upload).await;
        }
        Ok(answer)
    }
}

/// What a request asks for.
struct Asked {
    /// Where an upload is not there this is an error that counts only if the same was not asked for before:
    /// then it was given to the food of then.
    new: Result<NewFood, InvalidFood>,
    creator: Option<PublicUser>,
    operation: Option<Operation>,
    upload: Option<UploadKey>,
}

impl CreateFood {
    async fn read(&self, request: &mut Request, user: UserId) -> Result<Asked, ApiError> {
        let asked = FoodRequest::parse(request).await?;
        let scope = || format!("create_food {user}");
        let operation = idempotent_operation(request, scope, &asked.content())?;
        let max_bytes = self.max_image_bytes;
        let parse = |given| NewFood::parse(&asked.title, &asked.description, given, max_bytes);
        let creator = self.users.find_latest(user);
        let id = match &asked.image {
            RequestImage::Upload(id) => id,
            image => {
                let new = parse(match image {
                    RequestImage::File(bytes) => GivenImage::File(bytes.clone()),
                    _ => GivenImage::None,
                })?;
                self.images.connect();
                return Ok(Asked {
                    new: Ok(new),
                    creator: creator.await?,
                    operation,
                    upload: None,
                });
            }
        };
        let found = find_upload(&self.images, user, id, max_bytes);
        let (creator, given) = try_join(creator, found).await?;
        let upload = match &given {
            GivenImage::Upload(upload) => Some(upload.key.clone()),
            _ => None,
        };
        let new = parse(given);
        if operation.is_none() {
            new.as_ref().map_err(Clone::clone)?;
        }
        Ok(Asked {
            new,
            creator,
            operation,
            upload,
        })
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::Described for CreateFood {
    fn describe() -> crate::openapi::Operation {
        use crate::food_request::invalid_food;
        use crate::openapi::{Operation, example};
        use domain::application::{CreateFoodError, InvalidFoodField as Field};

        let food_id = serde_json::json!({"food_id": "$response.body#/id"});
        let about = "A form with a picture of up to about 4.4 MB in it, or JSON that names an upload. No two foods share a title; those that \
             differ in case, in outer space or in how an accent is encoded are the same.";
        Operation::new("Share a food", about)
            .once()
            .form::<crate::food_request::Form>(
                &serde_json::json!({"title": "Jollof rice", "description": "<p>Smoky</p>"}),
            )
            .json::<crate::food_request::Body>(&serde_json::json!({
                "title": "Jollof rice", "description": "<p>Smoky</p>",
                "image_id": example::IMAGE_ID,
            }))
            .requiring("multipart/form-data", "food_image")
            .requiring("application/json", "image_id")
            .answers::<FoodBody<'_>>(201, "The food.")
            .tagged(201)
            .leads_to(201, "get_food", &food_id, None)
            .leads_to(201, "update_food", &food_id, None)
            .leads_to(201, "delete_food", &food_id, None)
            .fails([InvalidFood(vec![
                Field::TitleRequired,
                Field::DescriptionRequired,
                Field::ImageRequired,
            ])
            .into()])
            .fails(invalid_food())
            .fails([CreateFoodError::TitleTaken.into()])
    }
}
