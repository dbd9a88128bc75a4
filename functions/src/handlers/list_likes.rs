//! `GET /users/me/likes`: lists the foods that the user likes, or which of some foods these are.

use std::collections::HashSet;

use domain::id::FoodId;
use domain::use_cases::{list_liked_among, list_likes};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes};

use super::food_body::FoodBody;
use crate::dependencies::ImageUrls;
use crate::http::auth::Auth;
use crate::http::{pagination, request, response};
use crate::{ApiError, HttpHandler, Request, Response};

/// The maximum number of ids in `?ids=`.
const MAX_IDS: usize = 100;

crate::dependencies::function!(ListLikes {
    auth: Auth = auth,
    foods: DynamoDbFoods = foods,
    likes: DynamoDbLikes = likes,
    urls: ImageUrls = image_urls,
});

impl HttpHandler for ListLikes {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let user = self.auth.authenticate(&request).await?;
        if let Some(ids) = request::query(&request, "ids") {
            let liked = list_liked_among(&self.likes, user, &parse_ids(&ids)?).await?;
            let liked: Vec<_> = liked.iter().map(FoodId::to_string).collect();
            return Ok(response::ok(&liked).cached_per_caller(true, ""));
        }
        let page_request = pagination::parse(&request)?;
        let page = list_likes(&self.likes, &self.foods, user, page_request).await?;
        let foods: Vec<_> = page.foods.iter().map(|food| FoodBody::new(food, &self.urls)).collect();
        Ok(pagination::respond_with(&request, page_request.size, &foods, page.next))
    }
}

/// Parses the value of `?ids=`: ids without duplicates, in their order.
fn parse_ids(raw: &str) -> Result<Vec<FoodId>, ApiError> {
    let ids: Vec<_> = raw.split(',').take(MAX_IDS + 1).collect();
    if ids.len() > MAX_IDS {
        return Err(ApiError::invalid_ids());
    }
    let ids = ids.into_iter().map(|id| FoodId::parse(id).map_err(|_| ApiError::invalid_ids()));
    let mut ids = ids.collect::<Result<Vec<_>, _>>()?;
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    Ok(ids)
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for ListLikes {
    fn operation() -> crate::openapi::Operation {
        use crate::openapi::{Operation, example};

        let id = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
        let max_more = MAX_IDS - 1;
        let pattern = format!("^{id}(,{id}){{0,{max_more}}}$");
        let ids = serde_json::json!({"type": "string", "pattern": pattern});
        let about = "Ids of at most 100 foods, separated by commas. The response then has the ids of those that the user likes, in \
             this order, instead of a page of foods.";
        Operation::new("List liked foods", "The foods that the user likes, newest like first.")
            .paginated::<domain::like::LikePosition>()
            .query_parameter("ids", about, &ids)
            .response_array_or_ids::<FoodBody<'_>>(
                200,
                "A page of the list; with `ids`, an array of ids.",
                example::food(),
            )
            .with_next_link(200)
            .private(200)
            .errors([ApiError::invalid_ids()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_at_most_100_uuids_without_duplicates() {
        let id = |nth: usize| format!("01990000-0000-7000-8000-{nth:012}");
        let list = |count: usize| (0..count).map(id).collect::<Vec<_>>().join(",");
        assert_eq!(parse_ids(&list(100)).unwrap().len(), 100);
        let twice = parse_ids(&format!("{},{},{}", id(2), id(1), id(2))).unwrap();
        assert_eq!(twice.iter().map(FoodId::to_string).collect::<Vec<_>>(), [id(2), id(1)]);
        let trailing = format!("{},", id(1));
        for invalid in ["", ",", "1", &trailing, &list(101), &",".repeat(1_000_000)] {
            let status = parse_ids(invalid).unwrap_err().status();
            assert_eq!(status, 400);
        }
    }
}
