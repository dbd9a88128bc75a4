//! Requests with an `Idempotency-Key` header, with sessions in `DynamoDB` and in Redis.

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

fn assert_same(first: &Response, retry: &Response) {
    assert_eq!(first.status, retry.status, "{}", retry.text());
    assert_eq!(first.body, retry.body);
    assert_eq!(first.header("content-type"), retry.header("content-type"));
}

on_both_stores!(
    food_is_created_once_per_idempotency_key,
    account_is_created_once_per_idempotency_key,
    key_of_a_rejected_request_can_be_used_with_corrected_fields,
    idempotency_key_reused_for_another_request_is_rejected,
    idempotency_key_of_an_invalid_request_can_be_reused,
);

async fn food_is_created_once_per_idempotency_key(on: WithSessionStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    let first = share(api, &ada, KEY, "Jollof").await;
    assert_eq!(first.status, 201, "{}", first.text());
    // Plain, and quoted as in the IETF draft.
    for key in [KEY, &format!("\"{KEY}\"")] {
        assert_same(&first, &share(api, &ada, key, "Jollof").await);
    }
    assert_eq!(api.foods().await, json!([first.json()]));
    assert_eq!(api.stored_images().await.len(), 1);
    // The saved response is returned even after the food is deleted.
    assert_eq!(api.delete_food(&ada, &first.json()).await.status, 200);
    assert_same(&first, &share(api, &ada, KEY, "Jollof").await);
    assert_eq!(api.foods().await, json!([]));
    // Another key is another request, and keys belong to a user.
    assert_eq!(share(api, &ada, OTHER_KEY, "Jollof").await.status, 201);
    let eve = api.member("eve").await;
    assert_eq!(share(api, &eve, KEY, "Fufu").await.json()["user_id"], eve.id);
}

async fn account_is_created_once_per_idempotency_key(on: WithSessionStore) {
    let api = &on.api;
    let ada = user("ada", PASSWORD);
    let first = sign_up(api, KEY, &ada).send().await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_same(&first, &sign_up(api, KEY, &ada).send().await);
    assert_eq!(api.get("/users").send().await.json(), json!([first.json()]));
    assert_eq!(api.log_in("ada").await.id, text(&first.json()["id"]));
    let other = sign_up(api, OTHER_KEY, &ada).send().await;
    other.is_problem(409, &[("email_taken", "email already taken")]);
}

async fn key_of_a_rejected_request_can_be_used_with_corrected_fields(on: WithSessionStore) {
    let api = &on.api;
    let ada = api.member("ada").await;
    api.share(&ada, "Jollof").await;
    let rejected = share(api, &ada, KEY, "Jollof").await;
    rejected.is_problem(409, &[("unique_title", "food title already taken")]);
    share(api, &ada, KEY, "").await.has_code(422, "title_required");
    let created = share(api, &ada, KEY, "Fufu").await;
    assert_eq!(created.status, 201, "{}", created.text());
    assert_same(&created, &share(api, &ada, KEY, "Fufu").await);
    // Only what was done is replayed.
    share(api, &ada, KEY, "Jollof").await.has_code(422, "idempotency_key_reused");

    let taken = sign_up(api, KEY, &user("ada", PASSWORD)).send().await;
    taken.is_problem(409, &[("email_taken", "email already taken")]);
    let created = sign_up(api, KEY, &user("eve", PASSWORD)).send().await;
    assert_eq!(created.status, 201, "{}", created.text());
    assert_same(&created, &sign_up(api, KEY, &user("eve", PASSWORD)).send().await);
}

async fn idempotency_key_reused_for_another_request_is_rejected(on: WithSessionStore) {
    let api = &on.api;
    let codes = [(
        "idempotency_key_reused",
        "this idempotency key was used for another request; use a new key",
    )];
    // A different password is a different request.
    let first = sign_up(api, KEY, &user("ada", PASSWORD)).send().await;
    assert_eq!(first.status, 201, "{}", first.text());
    for other in [user("eve", PASSWORD), user("ada", "another horse battery")] {
        let rejected = sign_up(api, KEY, &other).send().await;
        rejected.is_problem(422, &codes);
    }
    let ada = api.log_in("ada").await;
    let first = share(api, &ada, OTHER_KEY, "Jollof").await;
    assert_eq!(first.status, 201, "{}", first.text());
    let rejected = share(api, &ada, OTHER_KEY, "Fufu").await;
    rejected.is_problem(422, &codes);
    assert_eq!(api.foods().await, json!([first.json()]));
}

async fn idempotency_key_of_an_invalid_request_can_be_reused(on: WithSessionStore) {
    let api = &on.api;
    let short = sign_up(api, KEY, &user("ada", "short")).send().await;
    short.has_code(422, "invalid_password");
    let ada = sign_up(api, KEY, &user("ada", PASSWORD)).send().await;
    assert_eq!(ada.status, 201, "{}", ada.text());
    for key in ["short", "", "with a space in the middle of it", "ünïcode-ünïcode-ünïcode"] {
        let rejected = sign_up(api, key, &user("eve", PASSWORD)).send().await;
        rejected.has_code(400, "invalid_request");
    }
}
