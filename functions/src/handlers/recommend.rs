//! `GET /recommendations`: recommends foods to the user, or to an anonymous caller.

use domain::clock::SystemClock;
use domain::use_cases::{Reason, Recommendation, recommend};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes};
use serde::Serialize;

use super::food_body::FoodBody;
use crate::dependencies::{ImageUrls, Neighbours};
use crate::http::auth::Auth;
use crate::http::response;
use crate::{ApiError, HttpHandler, Request, Response};

crate::dependencies::function!(Recommend {
    auth: Auth = auth,
    foods: DynamoDbFoods = foods,
    likes: DynamoDbLikes = likes,
    neighbours: Neighbours = neighbours,
    urls: ImageUrls = image_urls,
});

impl HttpHandler for Recommend {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let caller = self.auth.verify_token_if_sent(&request)?;
        let (likes, neighbours, foods) = (&self.likes, &self.neighbours, &self.foods);
        let user = caller.map(|caller| caller.user);
        let found = async { Ok(recommend(likes, neighbours, foods, &SystemClock, user).await?) };
        let found = self.auth.check_session_while(caller, Box::pin(found)).await?;
        let bodies: Vec<_> = found.iter().map(|found| Body::new(found, &self.urls)).collect();
        let response = response::ok(&bodies);
        Ok(response.cached_per_caller(user.is_some(), "public, max-age=60"))
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Recommendation))]
struct Body<'a> {
    food: FoodBody<'a>,
    /// The liked food that weighed most. Null for a trending, popular or new food.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    because: Option<ReasonBody<'a>>,
}

/// A food that the user likes, because of which another is recommended.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Reason))]
struct ReasonBody<'a> {
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    id: String,
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    title: &'a str,
}

impl<'a> Body<'a> {
    fn new(found: &'a Recommendation, urls: &ImageUrls) -> Self {
        let reason = |reason: &'a Reason| ReasonBody {
            id: reason.id.to_string(),
            title: reason.title.as_str(),
        };
        Self { food: FoodBody::new(&found.food, urls), because: found.because.as_ref().map(reason) }
    }
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for Recommend {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};

        let about = "At most 20 foods that the user neither likes nor created, best first, with the reason. Callers without a token and \
             users without likes get trending, popular and new foods.";
        Operation::new("Recommend foods", about)
            .response_array::<Body<'_>>(200, "The foods.", example::recommendation())
            .cached_per_caller(
                200,
                "The response may be cached for a minute.",
                "public, max-age=60",
            )
    }
}
