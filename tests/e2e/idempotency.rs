//! Requests with an `Idempotency-Key`, on both session stores.

use domain::testing::sample;
use serde_json::{Value, json};

use crate::e2e::sessions::{WithSessionStore, on_both_stores, on_dynamodb, on_redis};
use test_support::client::{Call, Member};
use test_support::{Api, Form, PASSWORD, Response, text};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
const OTHER_KEY: &str = "b1b2f0e6-58f0-4a6e-9d8c-9a3c6ad0a3f1";

fn user(name: &str, password: &str) -> Value {
    json!({
        "first_name": name, "last_name": "Tester",
        "email": format!("{name}@example.com"), "password": password,
    })
}

fn sign_up<'a>(api: &'a Api, key: &str, user: &Value) -> Call<'a> {
    let call = api.post("/users").json(user);
    call.header("idempotency-key", key)
}

async fn share(api: &Api, member: &Member, key: &str, title: &str) -> Response {
    let form = Form::food(title).file("food.gif", sample::GIF);
    let call = api.post("/food").bearer(member).form(form);
    call.header("idempotency-key", key).send().await
}

fn same(one: &Response, other: &Response) {
    assert_eq!(one.status, other.status, "{}", other.text());
    assert_eq!(one.body, other.body);
    assert_eq!(one.header("content-type"), other.header("content-type"));
}

on_both_stores!(
    food_is_created_once_per_key,
    account_is_created_once_per_key,
    refusal_is_returned_again,
    key_of_another_request_is_refused,
    invalid_request_leaves_its_key_free,
);

async fn food_is_created_once_per_key(on: WithSessionStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    let first = share(api, &ada, KEY, "Jollof").await;
    assert_eq!(first.status, 201, "{}", first.text());
    // Also quoted, as the draft writes it.
    for key in [KEY, &format!("\"{KEY}\"")] {
        same(&first, &share(api, &ada, key, "Jollof").await);
    }
    assert_eq!(api.foods().await, json!([first.json()]));
    assert_eq!(api.stored_images().await.len(), 1);
    // Also when the food has changed since: it is what was answered.
    assert_eq!(api.delete_food(&ada, &first.json()).await.status, 200);
    same(&first, &share(api, &ada, KEY, "Jollof").await);
    assert_eq!(api.foods().await, json!([]));
    // Another key is another request, and so is the key of another user.
    assert_eq!(share(api, &ada, OTHER_KEY, "Jollof").await.status, 201);
    let eve = api.member("eve").await;
    assert_eq!(
        share(api, &eve, KEY, "Fufu").await.json()["user_id"],
        eve.id
    );
}

async fn account_is_created_once_per_key(on: WithSessionStore) {
    let api = &on.api;
    let ada = user("ada", PASSWORD);
    let first = sign_up(api, KEY, &ada).send().await;
    assert_eq!(first.status, 201, "{}", first.text());
    same(&first, &sign_up(api, KEY, &ada).send().await);
    assert_eq!(api.get("/users").send().await.json(), json!([first.json()]));
    assert_eq!(api.log_in("ada").await.id, text(&first.json()["id"]));
    let other = sign_up(api, OTHER_KEY, &ada).send().await;
    other.is_problem(409, &[("email_taken", "email already taken")]);
}

async fn refusal_is_returned_again(on: WithSessionStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    let taken = api.share(&ada, "Jollof").await;
    let refused = share(api, &ada, KEY, "Jollof").await;
    refused.is_problem(409, &[("unique_title", "food title already taken")]);
    assert_eq!(api.delete_food(&ada, &taken).await.status, 200);
    same(&refused, &share(api, &ada, KEY, "Jollof").await);
}

async fn key_of_another_request_is_refused(on: WithSessionStore) {
    let api = &on.api;
    let codes = [(
        "idempotency_key_reused",
        "this idempotency key was used for another request",
    )];
    // Also where only the password differs.
    let first = sign_up(api, KEY, &user("ada", PASSWORD)).send().await;
    assert_eq!(first.status, 201, "{}", first.text());
    for other in [user("eve", PASSWORD), user("ada", "another horse battery")] {
        let refused = sign_up(api, KEY, &other).send().await;
        refused.is_problem(422, &codes);
    }
    let ada = api.log_in("ada").await;
    let first = share(api, &ada, OTHER_KEY, "Jollof").await;
    assert_eq!(first.status, 201, "{}", first.text());
    let refused = share(api, &ada, OTHER_KEY, "Fufu").await;
    refused.is_problem(422, &codes);
    assert_eq!(api.foods().await, json!([first.json()]));
}

async fn invalid_request_leaves_its_key_free(on: WithSessionStore) {
    let api = &on.api;
    let short = sign_up(api, KEY, &user("ada", "short")).send().await;
    short.has_code(422, "invalid_password");
    let ada = sign_up(api, KEY, &user("ada", PASSWORD)).send().await;
    assert_eq!(ada.status, 201, "{}", ada.text());
    for key in [
        "short",
        "",
        "with a space in the middle of it",
        "ünïcode-ünïcode-ünïcode",
    ] {
        let refused = sign_up(api, key, &user("eve", PASSWORD)).send().await;
        refused.has_code(400, "invalid_request");
    }
}
