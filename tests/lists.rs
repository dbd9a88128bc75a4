//! Paging by `Link`.

use std::collections::HashSet;

use domain::food::FoodRepository as _;
use domain::testing::sample;
use infrastructure::dynamodb::DynamoDbFoods;

use crate::support::Api;
use crate::support::client::text;

/// Puts foods into the table as the function would, without their pictures.
async fn seed(api: &Api, count: usize) {
    let foods = DynamoDbFoods::new(api.local.aws().dynamodb(), "foods".to_owned());
    let creator = sample::public_user(sample::moment());
    let new: Vec<_> = (0..count).map(|_| sample::food(&creator)).collect();
    for part in new.chunks(16) {
        let saves = part.iter().map(|food| foods.create(food));
        for saved in futures_util::future::join_all(saves).await {
            saved.expect("created");
        }
    }
}

#[tokio::test]
async fn a_thousand_foods_are_walked_once_each_while_new_ones_arrive() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    seed(&api, 1_000).await;
    let mut seen = Vec::new();
    let mut next = Some("/food?limit=30".to_owned());
    while let Some(path) = next {
        let answer = api.get(&path).send().await;
        assert_eq!(answer.status, 200);
        next = answer.next();
        let page = answer.json();
        let page = page.as_array().unwrap();
        assert!(page.len() == 30 || next.is_none());
        seen.extend(page.iter().map(|food| text(&food["id"])));
        if seen.len() % 150 == 0 {
            api.share(&ada, &format!("New {}", seen.len())).await;
        }
    }
    assert_eq!(seen.len(), 1_000);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first");
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 1_000);
}

#[tokio::test]
async fn users_are_walked_oldest_first() {
    let api = Api::start().await;
    let mut ids = Vec::new();
    for nth in 0..5 {
        ids.push(text(&api.sign_up(&format!("user{nth}")).await.json()["id"]));
    }
    let mut seen = Vec::new();
    let mut next = Some("/users?limit=2".to_owned());
    let mut sizes = Vec::new();
    while let Some(path) = next {
        let answer = api.get(&path).send().await;
        next = answer.next();
        let page = answer.json();
        let page = page.as_array().unwrap();
        sizes.push(page.len());
        seen.extend(page.iter().map(|user| text(&user["id"])));
    }
    assert_eq!(seen, ids);
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test]
async fn the_next_page_is_an_absolute_link_and_the_last_has_none() {
    let api = Api::start().await;
    seed(&api, 4).await;
    let first = api.get("/food?limit=2").send().await;
    let next = first.next().expect("a next page");
    let base = format!("{}/food?limit=2&cursor=", api.local.base_url());
    assert!(next.starts_with(&base), "{next}");
    let last = api.get(&next).send().await;
    assert_eq!(last.json().as_array().unwrap().len(), 2);
    assert_eq!(last.next(), None, "{:?}", last.headers);
}

#[tokio::test]
async fn at_most_a_hundred_come_at_once() {
    let api = Api::start().await;
    seed(&api, 101).await;
    for path in ["/food", "/food?limit=100"] {
        let answer = api.get(path).send().await;
        assert_eq!(answer.json().as_array().unwrap().len(), 100);
        assert!(answer.next().is_some());
    }
}

#[tokio::test]
async fn bad_limits_and_forged_cursors_are_a_400() {
    let api = Api::start().await;
    seed(&api, 3).await;
    api.sign_up("ada").await;
    api.sign_up("eve").await;
    let cursor = |link: String| link.split_once("cursor=").unwrap().1.to_owned();
    let of_foods = cursor(api.get("/food?limit=1").send().await.next().unwrap());
    let of_users = cursor(api.get("/users?limit=1").send().await.next().unwrap());
    for path in [
        "/food?limit=0",
        "/food?limit=101",
        "/food?limit=-1",
        "/food?limit=ten",
        "/food?limit=",
        "/food?limit=1e1",
        "/food?cursor=",
        "/food?cursor=abc",
        "/food?cursor=%00",
        "/food?cursor=01990000-0000-7000-8000-000000000001",
        &format!("/food?cursor={of_users}"),
        &format!("/users?cursor={of_foods}"),
        &format!("/food?cursor={of_foods}A"),
        "/users?limit=9999999999999999999999",
    ] {
        api.get(path).send().await.has_code(400, "invalid_request");
    }
    let answer = api
        .get(&format!("/food?cursor={of_foods}&limit=1&x=%F0"))
        .send()
        .await;
    assert_eq!(answer.status, 200, "unknown parameters do not matter");
}

#[tokio::test]
async fn a_page_of_long_descriptions_is_filled_and_ends_before_five_megabytes() {
    let api = Api::start().await;
    let foods = DynamoDbFoods::new(api.local.aws().dynamodb(), "foods".to_owned());
    let creator = sample::public_user(sample::moment());
    for _ in 0..100 {
        let mut food = sample::food(&creator);
        let text = "🍲".repeat(20_000); // 80 KB: DynamoDB stops at 1 MB, after twelve of them
        food.description = domain::food::Description::stored(&text).unwrap();
        foods.create(&food).await.unwrap();
    }
    let mut pages = Vec::new();
    let mut next = Some("/food".to_owned());
    while let Some(path) = next {
        let answer = api.get(&path).send().await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() < 5_000_000);
        next = answer.next();
        pages.push(answer.json().as_array().unwrap().len());
    }
    assert_eq!(pages.iter().sum::<usize>(), 100);
    assert_eq!(pages[0], 62, "filled up to five megabytes: {pages:?}");
}
