//! Pagination of lists with `Link` headers.

use std::collections::HashSet;

use domain::food::{Description, FoodRepository as _};
use domain::testing::sample;
use infrastructure::dynamodb::DynamoDbFoods;
use serde_json::Value;
use test_support::{Api, Response, text};

/// Inserts `count` foods without images into the table. `None` keeps the description of the sample food.
async fn seed(api: &Api, count: usize, description: Option<&str>) {
    let foods = DynamoDbFoods::new(api.local.aws().dynamodb(), "foods".to_owned());
    let creator = sample::public_user(sample::timestamp());
    for _ in 0..count {
        let mut food = sample::food(&creator);
        if let Some(text) = description {
            food.description = Description::from_trusted(text).unwrap();
        }
        foods.create(&food).await.expect("created");
    }
}

fn items(page: &Response) -> Vec<Value> {
    page.json().as_array().expect("an array").clone()
}

/// Fetches all pages of the list at `path`. After each page, runs `between` with the number of pages so far.
async fn fetch_pages(api: &Api, path: &str, between: impl AsyncFn(usize)) -> Vec<Response> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let page = api.get(&path).send().await;
        assert_eq!(page.status, 200);
        next = page.next();
        pages.push(page);
        between(pages.len()).await;
    }
    pages
}

fn ids(pages: &[Response]) -> Vec<String> {
    let items = pages.iter().flat_map(items);
    items.map(|item| text(&item["id"])).collect()
}

#[tokio::test]
async fn pagination_lists_each_food_once_despite_inserts() {
    let (api, ada) = Api::with_member("ada").await;
    seed(&api, 300, None).await;
    let pages = fetch_pages(&api, "/food?limit=30", async |page| {
        if page % 3 == 0 {
            api.share(&ada, &format!("New {page}")).await;
        }
    });
    let pages = pages.await;
    assert!(pages.iter().all(|page| items(page).len() == 30));
    let ids = ids(&pages);
    assert_eq!(ids.len(), 300);
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 300);
}

#[tokio::test]
async fn users_are_listed_oldest_first() {
    let api = Api::start().await;
    let mut expected = Vec::new();
    for nth in 0..5 {
        expected.push(text(&api.sign_up(&format!("user{nth}")).await.json()["id"]));
    }
    let pages = fetch_pages(&api, "/users?limit=2", async |_| {}).await;
    assert_eq!(ids(&pages), expected);
    let next = pages[0].next().expect("a next page");
    let base = api.url("/users?limit=2&cursor=");
    assert!(next.starts_with(&base), "{next}");
}

#[tokio::test]
async fn list_page_holds_at_most_100_foods() {
    let api = Api::start().await;
    for path in ["/users", "/food"] {
        let empty = api.get(path).send().await;
        assert_eq!((empty.text().as_str(), empty.next()), ("[]", None));
    }
    seed(&api, 101, None).await;
    for path in ["/food", "/food?limit=100"] {
        let page = api.get(path).send().await;
        assert_eq!(items(&page).len(), 100);
        assert!(page.next().is_some());
    }
}

#[tokio::test]
async fn invalid_page_limit_or_cursor_is_a_400() {
    let api = Api::start().await;
    seed(&api, 3, None).await;
    api.sign_up("ada").await;
    api.sign_up("eve").await;
    let cursor = |link: String| link.split_once("cursor=").unwrap().1.to_owned();
    let of_foods = cursor(api.get("/food?limit=1").send().await.next().unwrap());
    let of_users = cursor(api.get("/users?limit=1").send().await.next().unwrap());
    for path in [
        "/food?limit=0",
        "/food?limit=101",
        "/food?limit=-1",
        "/food?limit=",
        "/food?limit=1e1",
        "/food?cursor=",
        "/food?cursor=%00",
        "/food?cursor=01990000-0000-7000-8000-000000000001",
        &format!("/food?cursor={of_users}"),
        &format!("/users?cursor={of_foods}"),
        &format!("/food?cursor={of_foods}A"),
        "/users?limit=9999999999999999999999",
    ] {
        api.get(path).send().await.has_code(400, "invalid_request");
    }
    let with_unknown = format!("/food?cursor={of_foods}&limit=1&x=%F0");
    assert_eq!(api.get(&with_unknown).send().await.status, 200);
}

#[tokio::test]
async fn list_page_ends_at_512_kilobytes_with_a_link() {
    let api = Api::start().await;
    seed(&api, 60, Some(&"🍲".repeat(5_000))).await;
    let pages = fetch_pages(&api, "/food", async |_| {}).await;
    let sizes: Vec<_> = pages.iter().map(|page| items(page).len()).collect();
    assert_eq!(sizes, [24, 24, 12]);
    assert!(pages.iter().all(|page| page.body.len() < 600_000));
    assert_eq!(ids(&pages).len(), 60);
}

#[tokio::test]
async fn anonymous_list_page_may_be_cached_for_five_seconds() {
    let (api, ada) = Api::with_member("ada").await;
    for path in ["/food", "/users"] {
        let anonymous = api.get(path).send().await;
        assert_eq!(anonymous.header("cache-control"), "public, max-age=5");
        let signed_in = api.get(path).bearer(&ada).send().await;
        assert_eq!(signed_in.header("cache-control"), "private, no-cache");
        for response in [anonymous, signed_in] {
            assert!(response.header("vary").to_lowercase().contains("authorization"));
        }
    }
}
