//! `POST /food`: creates a food.

use domain::clock::{Clock as _, SystemClock};
use domain::id::FoodId;
use domain::use_cases::create_food;
use domain::user::UserRepository as _;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use lambda_http::Request;

use super::food_body::FoodBody;
use crate::dependencies::{ImageUrls, Images};
use crate::handlers::food_request;
use crate::http::auth::Auth;
use crate::http::etag::etag;
use crate::http::idempotency::{IdempotencyGuard, idempotent_operation};
use crate::http::response;
use crate::{ApiError, HttpHandler, Response};

crate::dependencies::function!(CreateFood {
    auth: Auth = auth,
    idempotency: IdempotencyGuard = idempotency,
    users: DynamoDbUsers = users,
    foods: DynamoDbFoods = foods_of_users,
    images: Images = image_pipeline,
    urls: ImageUrls = image_urls,
});

impl HttpHandler for CreateFood {
    async fn handle(&self, mut request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token(&request)?;
        let read = async {
            let input = food_request::parse(&mut request).await?;
            let scope = || format!("create_food {}", caller.user);
            let content = food_request::content(&input);
            let operation = idempotent_operation(&request, scope, &content)?;
            let creator = self.users.find_consistent(caller.user).await?;
            Ok((input, operation, creator))
        };
        let (user, (input, operation, creator)) =
            self.auth.require_session_while(caller, read).await?;
        let id = FoodId::new(SystemClock.now());
        let create = |id| async move {
            let (foods, images) = (&self.foods, &self.images);
            let food = create_food(foods, images, &SystemClock, user, creator, id, input);
            let food = Box::pin(food).await?;
            let path = format!("/food/{}", food.id);
            let response = response::created_at(&path, &FoodBody::new(&food, &self.urls));
            Ok(response.with_etag(etag(&food)))
        };
        let created = self.idempotency.execute(operation, id, FoodId::parse, create);
        created.await
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for CreateFood {
    fn operation() -> crate::openapi::Operation {
        use crate::handlers::food_request::invalid_food;
        use crate::openapi::{Operation, example};
        use domain::use_cases::{CreateFoodError, InvalidFood, InvalidFoodField as Field};

        let food_id = serde_json::json!({"food_id": "$response.body#/id"});
        let about = "Send a form with an image of up to about 4.4 MB, or JSON with the `image_id` of an upload (`POST /food/images`). \
             Titles are unique; case, surrounding spaces and the Unicode encoding of accents do not matter. The image is a JPEG, PNG, \
             WebP or GIF (first frame) of at most 52 million pixels and 16,383 pixels per side. It is rotated according to EXIF, \
             converted to sRGB and stored as JPEG and WebP without metadata; the original is not stored.";
        Operation::new("Create a food", about)
            .idempotent()
            .form::<crate::handlers::food_request::Form>(
                &serde_json::json!({"title": example::TITLE, "description": example::DESCRIPTION}),
            )
            .json::<crate::handlers::food_request::Body>(&serde_json::json!({
                "title": example::TITLE, "description": example::DESCRIPTION,
                "image_id": example::IMAGE_ID,
            }))
            .required("multipart/form-data", "food_image")
            .required("application/json", "image_id")
            .response::<FoodBody<'_>>(201, "The food was created.", example::food())
            .with_etag(201)
            .with_location(201, "/food/01990000-0000-7000-8000-00000000f001")
            .link(201, "get_food", &food_id, None)
            .link(201, "update_food", &food_id, None)
            .link(201, "delete_food", &food_id, None)
            .errors([InvalidFood(vec![
                Field::TitleRequired,
                Field::DescriptionRequired,
                Field::ImageRequired,
            ])
            .into()])
            .errors(invalid_food())
            .errors([CreateFoodError::TitleTaken.into()])
    }
}
