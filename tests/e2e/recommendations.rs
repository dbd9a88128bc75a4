//! Recommendations and similar foods.

use domain::clock::Clock as _;
use domain::clock::SystemClock;
use domain::id::{FoodId, UserId};
use domain::like::{Like, LikeRepository as _};
use domain::use_cases::{Change, update_recommendations};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes};
use serde_json::{Value, json};
use test_support::{Api, Member, Response, food_path, text};

fn likes(api: &Api) -> DynamoDbLikes {
    DynamoDbLikes::new(api.local.aws().dynamodb(), "likes".to_owned())
}

fn id(food: &Value) -> FoodId {
    FoodId::parse(&text(&food["id"])).unwrap()
}

/// Stores likes of `count` users for each of these foods.
async fn like(api: &Api, count: usize, foods: &[&Value]) {
    let (likes, now) = (likes(api), SystemClock.now());
    for _ in 0..count {
        let user = UserId::new(now);
        for food in foods {
            likes.create(&Like { user, food: id(food), liked_at: now }).await.unwrap();
            update(api, &[Change::Like { user, food: id(food) }]).await;
        }
    }
}

/// Updates what is derived from likes, as the stream function does.
async fn update(api: &Api, changes: &[Change]) {
    let likes = likes(api);
    let foods = DynamoDbFoods::new(api.local.aws().dynamodb(), "foods".to_owned());
    let report = update_recommendations(&likes, &likes, &foods, &SystemClock, changes).await;
    assert!(report.errors.is_empty(), "{:?}", report.errors);
}

async fn recommend(api: &Api, member: Option<&Member>) -> Response {
    let call = api.get("/recommendations");
    let call = if let Some(member) = member { call.bearer(member) } else { call };
    let response = call.send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    response
}

/// Returns the recommended foods by id, each with its reason.
async fn recommended(api: &Api, member: Option<&Member>) -> Vec<(String, Value)> {
    let body = recommend(api, member).await.json();
    let foods = body.as_array().unwrap().iter();
    foods.map(|found| (text(&found["food"]["id"]), found["because"].clone())).collect()
}

#[tokio::test]
async fn like_changes_the_next_recommendations_of_the_user() {
    let api = Api::start().await;
    let (ada, eve) = (api.member("ada").await, api.member("eve").await);
    let jollof = api.share(&ada, "Jollof").await;
    let fufu = api.share(&eve, "Fufu").await;
    let waakye = api.share(&eve, "Waakye").await;
    like(&api, 5, &[&jollof, &fufu, &waakye]).await;

    let popular = recommended(&api, Some(&ada)).await;
    let id = |food: &Value| text(&food["id"]);
    let has =
        |found: &[(String, Value)], food: &Value| found.iter().any(|(other, _)| *other == id(food));
    assert!(has(&popular, &fufu) && has(&popular, &waakye));
    assert!(popular.iter().all(|(_, because)| because.is_null()));
    assert_eq!(api.like(&ada, &fufu).await.status, 200);
    let personal = recommended(&api, Some(&ada)).await;
    let because = json!({"id": fufu["id"], "title": "Fufu"});
    // Neither the liked nor the own food.
    assert_eq!(personal, [(id(&waakye), because)]);
    assert_eq!(api.unlike(&ada, &fufu).await.status, 200);
    assert_eq!(recommended(&api, Some(&ada)).await, popular);
    // An anonymous caller has no own foods.
    let anonymous = recommended(&api, None).await;
    assert_eq!(anonymous.len(), 3);
    assert!(has(&anonymous, &jollof));
    let food = &recommend(&api, None).await.json()[0]["food"];
    assert_eq!(food["likes"], 5);

    assert_eq!(api.delete_food(&eve, &waakye).await.status, 200);
    assert!(!has(&recommended(&api, None).await, &waakye));
}

#[tokio::test]
async fn recommendations_are_cached_only_for_anonymous_callers() {
    let (api, ada) = Api::with_member("ada").await;
    let (anonymous, signed_in) = (recommend(&api, None).await, recommend(&api, Some(&ada)).await);
    assert_eq!(anonymous.header("cache-control"), "public, max-age=60");
    assert_eq!(signed_in.header("cache-control"), "private, no-cache");
    for response in [anonymous, signed_in] {
        assert!(response.header("vary").to_lowercase().contains("authorization"));
        assert_eq!(response.json(), json!([]));
    }
}

#[tokio::test]
async fn similar_foods_start_with_those_of_the_same_likers() {
    let (api, ada) = Api::with_member("ada").await;
    let mut foods = Vec::new();
    for nth in 0..4 {
        foods.push(api.share(&ada, &format!("Food {nth}")).await);
    }
    like(&api, 3, &[&foods[0], &foods[1]]).await;
    like(&api, 9, &[&foods[2]]).await;
    update(&api, &[Change::Food(id(&foods[3]))]).await;
    let path = format!("{}/similar", food_path(&foods[0]));
    let similar = api.get(&path).send().await;
    assert_eq!(similar.header("cache-control"), "public, max-age=60");
    let ids = |response: Response| {
        let body = response.json();
        body.as_array().unwrap().iter().map(|food| text(&food["id"])).collect::<Vec<_>>()
    };
    let expected = [1, 2, 3].map(|nth: usize| text(&foods[nth]["id"]));
    // The neighbour, then the popular and the new food.
    assert_eq!(ids(similar), expected);
    assert_eq!(api.delete_food(&ada, &foods[1]).await.status, 200);
    assert_eq!(ids(api.get(&path).send().await), expected[1..]);
    assert_eq!(api.delete_food(&ada, &foods[0]).await.status, 200);
    api.get(&path).send().await.has_code(404, "not_found");
}
