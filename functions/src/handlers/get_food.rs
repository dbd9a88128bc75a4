//! `GET /food/{food_id}`: returns a food and its creator.

use domain::id::FoodId;
use domain::use_cases::{FoodView, get_food};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes};
use serde::Serialize;

use super::food_body::FoodBody;
use super::user_body::UserBody;
use crate::dependencies::ImageUrls;
use crate::http::auth::Auth;
use crate::http::etag::{is_not_modified, view_etag};
use crate::http::{request, response};
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(GetFood {
    auth: Auth = auth,
    foods: DynamoDbFoods = foods,
    likes: DynamoDbLikes = likes,
    urls: ImageUrls = image_urls,
});

impl HttpHandler for GetFood {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token_if_sent(&request)?;
        let user = caller.map(|caller| caller.user);
        let read = async {
            let id = FoodId::parse(&request::path(&request, "food_id"))?;
            Ok(get_food(&self.foods, &self.likes, id, user).await?)
        };
        let FoodView { food, liked } =
            self.auth.check_session_while(caller, Box::pin(read)).await?;
        let tag = view_etag(&food, liked);
        let response = if is_not_modified(&request, &tag) {
            response::not_modified()
        } else {
            let creator = UserBody::from(&food.creator);
            response::ok(&Body { food: FoodBody::new(&food, &self.urls), creator, liked })
        };
        let response = response.with_etag(tag.header());
        Ok(response.cached_per_caller(user.is_some(), "public, no-cache"))
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FoodAndCreator))]
struct Body<'a> {
    food: FoodBody<'a>,
    creator: UserBody<'a>,
    /// Whether the user likes the food. Missing if the request has no access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    liked: Option<bool>,
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for GetFood {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};
        use domain::use_cases::LookupError;

        let tags = serde_json::json!({"type": "string"});
        let about = "The `ETag` of the cached version. The response is 304 if it is still current.";
        let description = "`likes` is the exact number; in lists it may lag behind by up to 10 %. With an access token, the response \
             also has `liked`. The `ETag` changes with the food, its likes and `liked`. `If-Match` compares only the version of the \
             food, so a like never rejects an update.";
        let cached =
            "A cache may store the response, but asks with `If-None-Match` before each use.";
        Operation::new("Get a food and its creator", description)
            .food_id()
            .header_parameter("If-None-Match", about, &tags)
            .response::<Body<'_>>(200, "The food.", example::food_and_creator())
            .with_view_etag(200)
            .cached_per_caller(200, cached, "public, no-cache")
            .response_empty(304, "The cached version is current.")
            .with_view_etag(304)
            .cached_per_caller(304, cached, "public, no-cache")
            .errors([LookupError::NotFound.into()])
    }
}
