//! Liking foods: counts, the own likes, foods of one user, and the `ETag` of a food.

use serde_json::{Value, json};
use test_support::{Api, Client, Form, Member, Response, food_path, text};

/// An id that no food has.
const UNKNOWN: &str = "01990000-0000-7000-8000-00000000ffff";

/// Fetches all pages of the list at `path` as this user and returns the ids of each page.
async fn pages(api: &Client, member: Option<&Member>, path: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let call = api.get(&path);
        let call = if let Some(member) = member { call.bearer(member) } else { call };
        let page = call.send().await;
        assert_eq!(page.status, 200, "{}", page.text());
        pages.push(ids(&page));
        next = page.next();
    }
    pages
}

fn ids(page: &Response) -> Vec<String> {
    let page = page.json();
    page.as_array().expect("an array").iter().map(|food| text(&food["id"])).collect()
}

/// Returns a user, another user and a food of the other.
async fn users_and_food(api: &Api) -> (Member, Member, Value) {
    let (ada, eve) = (api.member("ada").await, api.member("eve").await);
    let food = api.share(&eve, "Fufu").await;
    (ada, eve, food)
}

#[tokio::test]
async fn likes_and_unlikes_are_idempotent() {
    let api = Api::start().await;
    let (ada, _, food) = users_and_food(&api).await;
    let bola = api.member("bola").await;
    for (member, like, likes) in [
        (&ada, true, 1),
        (&ada, true, 1),
        (&bola, true, 2),
        (&ada, true, 2),
        (&ada, false, 1),
        (&ada, false, 1),
        (&bola, false, 0),
        (&bola, false, 0),
        (&ada, true, 1),
    ] {
        let response =
            if like { api.like(member, &food).await } else { api.unlike(member, &food).await };
        assert_eq!(response.status, 200);
        assert_eq!(response.json(), json!({"likes": likes, "liked": like}));
        assert_eq!(api.get_food(&food).await.json()["food"]["likes"], likes);
    }
}

#[tokio::test]
async fn own_or_unknown_food_cannot_be_liked() {
    let api = Api::start().await;
    let (ada, eve, food) = users_and_food(&api).await;
    let own = api.like(&eve, &food).await;
    own.is_problem(403, &[("own_food", "users cannot like their own foods")]);
    assert_eq!(api.unlike(&eve, &food).await.json(), json!({"likes": 0, "liked": false}));
    let unknown = json!({"id": UNKNOWN});
    api.like(&ada, &unknown).await.has_code(404, "not_found");
    api.unlike(&ada, &unknown).await.has_code(404, "not_found");
    api.like(&ada, &food).await;
    assert_eq!(api.delete_food(&eve, &food).await.status, 200);
    api.like(&ada, &food).await.has_code(404, "not_found");
    assert_eq!(pages(&api, Some(&ada), "/users/me/likes").await, [Vec::<String>::new()]);
}

#[tokio::test]
async fn food_has_liked_only_with_a_token() {
    let api = Api::start().await;
    let (ada, eve, food) = users_and_food(&api).await;
    api.like(&ada, &food).await;
    let path = food_path(&food);
    let anonymous = api.get(&path).send().await;
    let (by_ada, by_eve) =
        (api.get(&path).bearer(&ada).send().await, api.get(&path).bearer(&eve).send().await);
    for (response, liked, cached) in [
        (&anonymous, Value::Null, "public, no-cache"),
        (&by_ada, json!(true), "private, no-cache"),
        (&by_eve, json!(false), "private, no-cache"),
    ] {
        let body = response.json();
        assert_eq!((&body["food"]["likes"], &body["liked"]), (&json!(1), &liked));
        assert_eq!(response.header("cache-control"), cached);
        assert!(response.header("vary").to_lowercase().contains("authorization"));
    }
    assert_eq!(anonymous.json().as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn optional_token_is_rejected_if_invalid() {
    let api = Api::start().await;
    let (ada, _, food) = users_and_food(&api).await;
    let revoked = api.log_in("ada").await;
    assert_eq!(api.log_out(&revoked.access).await.status, 200);
    for path in [food_path(&food), "/recommendations".to_owned(), food_path(&json!({"id": "1"}))] {
        for (token, message) in [
            ("undefined", "token contains an invalid number of segments"),
            (&*ada.refresh, "unauthorized"),
            (&*revoked.access, "unauthorized"),
        ] {
            let rejected = api.get(&path).token(token).send().await;
            rejected.is_problem(401, &[("error", message)]);
            assert!(rejected.header("www-authenticate").contains("invalid_token"));
        }
    }
    // No token.
    for value in ["", "Bearer", "Basic YTpi"] {
        for path in [food_path(&food), "/recommendations".to_owned()] {
            let response = api.get(&path).header("authorization", value).send().await;
            assert_eq!(response.status, 200, "{value}");
        }
    }
}

#[tokio::test]
async fn etag_changes_with_likes_but_likes_fail_no_update() {
    let api = Api::start().await;
    let (ada, eve, food) = users_and_food(&api).await;
    let path = food_path(&food);
    let show =
        async |tag: &str| api.get(&path).bearer(&ada).header("if-none-match", tag).send().await;
    let first = show("").await;
    assert_eq!(first.header("etag"), "\"1-0-0\"");
    assert_eq!(show("\"1-0-0\"").await.status, 304);
    api.like(&ada, &food).await;
    let liked = show("\"1-0-0\"").await;
    assert_eq!((liked.status, liked.header("etag")), (200, "\"1-1-1\""));
    let unchanged = show("\"1-1-1\"").await;
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, "\"1-1-1\""));
    assert_eq!(unchanged.header("cache-control"), "private, no-cache");
    assert_eq!(api.get(&path).send().await.header("etag"), "\"1-1\"");
    // All tags are of version 1.
    for (tag, status) in
        [("\"2-1-1\"", 412), ("\"1-x\"", 412), ("\"1-0-0\"", 200), ("\"2-0\"", 200), ("\"3\"", 200)]
    {
        let title = format!("Fufu {tag}").replace('"', "");
        let change = api.put(&path).bearer(&eve).header("if-match", tag);
        let changed = change.form(Form::food(&title)).send().await;
        assert_eq!(changed.status, status, "{tag}: {}", changed.text());
    }
    let deletion = api.delete(&path).bearer(&eve).header("if-match", "\"4-7-1\"");
    assert_eq!(deletion.send().await.status, 200);
}

#[tokio::test]
async fn liked_foods_are_paged_newest_like_first() {
    let api = Api::start().await;
    let (ada, eve, _) = users_and_food(&api).await;
    let mut liked = Vec::new();
    for nth in 0..5 {
        let food = api.share(&eve, &format!("Food {nth}")).await;
        liked.push(food);
    }
    // Not in the order of their creation.
    liked.swap(0, 3);
    for food in &liked {
        assert_eq!(api.like(&ada, food).await.status, 200);
        // Times of likes have a precision of one millisecond.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    liked.reverse();
    let liked: Vec<_> = liked.iter().map(|food| text(&food["id"])).collect();
    let listed = pages(&api, Some(&ada), "/users/me/likes?limit=2").await;
    assert_eq!(listed, [&liked[..2], &liked[2..4], &liked[4..]]);
    let page = api.get("/users/me/likes").bearer(&ada).send().await;
    assert_eq!(ids(&page), liked);
    assert_eq!(page.header("cache-control"), "private, no-cache");
    assert_eq!(pages(&api, Some(&eve), "/users/me/likes").await, [Vec::<String>::new()]);
}

#[tokio::test]
async fn ids_select_liked_foods_in_their_order() {
    let api = Api::start().await;
    let (ada, eve, food) = users_and_food(&api).await;
    let other = api.share(&eve, "Waakye").await;
    let (food_id, other_id) = (text(&food["id"]), text(&other["id"]));
    api.like(&ada, &food).await;
    let among = async |ids: &str| {
        let path = format!("/users/me/likes?ids={ids}");
        api.get(&path).bearer(&ada).send().await
    };
    assert_eq!(among(&format!("{other_id},{food_id}")).await.json(), json!([food_id]));
    api.like(&ada, &other).await;
    let both = among(&format!("{other_id},{UNKNOWN},{food_id},{other_id}")).await;
    assert_eq!(both.json(), json!([other_id, food_id]));
    let hundred: Vec<_> =
        (0..100).map(|nth| format!("01990000-0000-7000-8000-{nth:012}")).collect();
    assert_eq!(among(&hundred.join(",")).await.json(), json!([]));
    let too_many = format!("{},{food_id}", hundred.join(","));
    for invalid in ["", ",", "1", "%00", &format!("{food_id},"), &too_many] {
        let message = "ids should be 1 to 100 UUIDs, separated by commas";
        among(invalid).await.is_problem(400, &[("invalid_request", message)]);
    }
}

#[tokio::test]
async fn foods_of_a_user_are_paged_newest_first() {
    let api = Api::start().await;
    let (ada, eve, fufu) = users_and_food(&api).await;
    let mut foods = vec![text(&fufu["id"])];
    for nth in 0..4 {
        api.share(&ada, &format!("Other {nth}")).await;
        foods.push(text(&api.share(&eve, &format!("Food {nth}")).await["id"]));
    }
    foods.reverse();
    let path = format!("/users/{}/food", eve.id);
    let listed = pages(&api, None, &format!("{path}?limit=2")).await;
    assert_eq!(listed, [&foods[..2], &foods[2..4], &foods[4..]]);
    let page = api.get(&path).send().await;
    assert_eq!(page.header("cache-control"), "public, max-age=5");
    assert_eq!(page.json()[0]["user_id"], eve.id);
    let unknown = format!("/users/{UNKNOWN}/food");
    assert_eq!(pages(&api, None, &unknown).await, [Vec::<String>::new()]);
}

#[tokio::test]
async fn like_lists_reject_cursors_of_other_lists() {
    let api = Api::start().await;
    let (ada, eve, food) = users_and_food(&api).await;
    api.share(&eve, "Waakye").await;
    api.like(&ada, &food).await;
    let foods = format!("/users/{}/food?limit=1", eve.id);
    let of_foods = api.get(&foods).send().await.next().expect("a next page");
    let (_, of_foods) = of_foods.split_once("cursor=").expect("a cursor");
    for query in ["limit=0", "limit=101", "cursor=", "cursor=%00", &format!("cursor={of_foods}")] {
        let path = format!("/users/me/likes?{query}");
        api.get(&path).bearer(&ada).send().await.has_code(400, "invalid_request");
    }
    for query in ["limit=0", "cursor=bA", "cursor=%ff"] {
        let path = format!("/users/{}/food?{query}", eve.id);
        api.get(&path).send().await.has_code(400, "invalid_request");
    }
}
