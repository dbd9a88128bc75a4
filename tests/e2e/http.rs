//! HTTP semantics (RFC 9110): media types, encodings, preconditions, `Location`.

use serde_json::json;
use test_support::{Api, Form, PASSWORD, food_path, text};

const NO_TOKEN: &str = "the request has no access token; send it as `Authorization: Bearer …`";

#[tokio::test]
async fn compressed_body_is_a_415_on_every_route_with_a_body() {
    let (api, ada) = Api::with_member("ada").await;
    let food = api.share(&ada, "Soup").await;
    let path = food_path(&food);
    for call in [
        api.post("/users"),
        api.post("/login"),
        api.post("/refresh"),
        api.put("/users/me/password"),
        api.post("/food"),
        api.put(&path),
        api.post("/food/images"),
    ] {
        let call = call.bearer(&ada).header("content-encoding", "gzip");
        let response = call.json(&json!({"title": "Stew", "description": "Hot"})).send().await;
        response.has_code(415, "unsupported_media_type");
        assert_eq!(response.header("accept-encoding"), "identity");
    }
}

#[tokio::test]
async fn unknown_media_type_of_a_food_is_a_415_that_names_others() {
    let (api, ada) = Api::with_member("ada").await;
    let food = api.share(&ada, "Soup").await;
    for (content_type, body) in [
        ("application/merge-patch+json", r#"{"title":"Stew"}"#),
        ("application/x-www-form-urlencoded", "title=Stew&description=Hot"),
    ] {
        let put = api.put(&food_path(&food)).bearer(&ada).body(content_type, body);
        let response = put.send().await;
        response.has_code(415, "unsupported_media_type");
        assert_eq!(response.header("accept"), "application/json, multipart/form-data");
    }
    let login = api.post("/login").body("application/x-www-form-urlencoded", "email=a&password=b");
    let response = login.send().await;
    response.has_code(415, "unsupported_media_type");
    assert_eq!(response.header("accept"), "application/json");
}

#[tokio::test]
async fn write_with_if_none_match_star_is_a_412() {
    let api = Api::start().await;
    let (ada, eve) = (api.member("ada").await, api.member("eve").await);
    let food = api.share(&ada, "Soup").await;
    let path = food_path(&food);
    let put = |member| api.put(&path).bearer(member).header("if-none-match", "*");
    let form = || Form::food("Stew");
    put(&ada).form(form()).send().await.has_code(412, "precondition_failed");
    // Other errors come first (RFC 9110, section 13.2.1).
    put(&eve).form(form()).send().await.has_code(403, "not_owner");
    let delete = api.delete(&path).bearer(&ada).header("if-none-match", "\"1\"");
    delete.send().await.has_code(412, "precondition_failed");
    assert_eq!(api.get_food(&food).await.json()["food"], food);
}

#[tokio::test]
async fn update_without_a_change_keeps_etag_and_timestamp() {
    let (api, ada) = Api::with_member("ada").await;
    let food = api.share(&ada, "Soup").await;
    let put = async || {
        let body = json!({"title": "Soup", "description": "<p>Smoky</p>"});
        api.put(&food_path(&food)).bearer(&ada).json(&body).send().await
    };
    let (first, second) = (put().await, put().await);
    assert_eq!((first.status, first.header("etag")), (200, "\"2\""));
    assert_eq!((second.status, second.header("etag")), (200, "\"2\""));
    assert_eq!(second.json(), first.json());
}

#[tokio::test]
async fn created_resource_is_at_its_location() {
    let api = Api::start().await;
    let user = api.sign_up("ada").await;
    let path = user.header("location");
    assert_eq!(path, format!("/users/{}", text(&user.json()["id"])));
    assert_eq!(api.get(path).send().await.json(), user.json());

    let ada = api.log_in("ada").await;
    let form = Form::food_with_image("Soup");
    let post = async || {
        let key = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        let post = api.post("/food").bearer(&ada).header("idempotency-key", key);
        post.form(form.clone()).send().await
    };
    let (food, retried) = (post().await, post().await);
    let path = food.header("location");
    assert_eq!(path, food_path(&food.json()));
    assert_eq!(retried.header("location"), path);
    assert_eq!(api.get(path).send().await.json()["food"], food.json());
}

#[tokio::test]
async fn current_user_is_returned_to_that_user_only() {
    let (api, ada) = Api::with_member("ada").await;
    let response = api.get("/users/me").bearer(&ada).send().await;
    assert_eq!((response.status, response.header("cache-control")), (200, "no-store"));
    let user = response.json();
    assert_eq!(
        user,
        json!({
            "id": ada.id, "first_name": "ada", "last_name": "Tester",
            "email": "ada@example.com", "created_at": user["created_at"],
        })
    );
    assert!(text(&user["created_at"]).ends_with('Z'));
    let anonymous = api.get("/users/me").send().await;
    anonymous.has_code(401, "error");
    assert_eq!(anonymous.json()["detail"], NO_TOKEN);
    let malformed = api.get("/users/me").token("x").send().await;
    malformed.has_code(401, "error");
    assert_eq!(malformed.json().get("detail"), None);
    assert_eq!(api.delete("/users/me").bearer(&ada).send().await.status, 204);
    api.get("/users/me").bearer(&ada).send().await.has_code(401, "error");
}

#[tokio::test]
async fn json_body_may_start_with_a_byte_order_mark() {
    let (api, ada) = Api::with_member("ada").await;
    let login = format!("\u{feff}{}", json!({"email": ada.email, "password": PASSWORD}));
    let response = api.post("/login").body("application/json", login).send().await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn invalid_json_response_says_where_and_what() {
    let api = Api::start().await;
    let body = "{\n  \"email\": \"ada@example.com\",\n  \"password\": 1843\n}";
    let response = api.post("/login").body("application/json", body).send().await;
    response.is_problem(422, &[("invalid_json", "invalid json")]);
    assert_eq!(response.json()["detail"], "password: expected a string at line 3 column 18");
}
