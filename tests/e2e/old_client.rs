//! Habits of the old web client that must go on working.

use serde_json::json;
use test_support::{Api, Form, text};

#[tokio::test]
async fn undefined_file_keeps_the_image_on_put() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let form = Form::food("Soup").text("food_image", "undefined");
    let refused = api.post_food(&ada, form).await;
    refused.is_problem(422, &[("invalid_file", "a valid file is required")]);

    let food = api.share(&ada, "Soup").await;
    for form in [
        Form::new()
            .text("food_image", "undefined")
            .text("title", "Stew")
            .text("description", "Hot"),
        Form::food("Stew").text("food_image", ""),
        Form::food("Stew").file("", b""),
    ] {
        let changed = api.put_food(&ada, &food, form).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert_eq!(changed.json()["food_image"], food["food_image"]);
    }
    // An absolute URL.
    let shown = api.get(&text(&food["food_image"])).send().await;
    assert_eq!(shown.status, 200);
}

/// As its `authorization.js` does: a request, the refresh that its 401 asks for, the request again.
#[tokio::test]
async fn expired_token_is_refreshed_and_the_request_repeated() {
    // Access tokens that last three seconds, so that one really expires.
    let api = Api::with(&[("ACCESS_TOKEN_TTL_SECONDS", "3")]).await;
    let ada = api.member("ada").await;
    let expired = loop {
        let response = api.delete("/food/none").bearer(&ada).send().await;
        if response.status == 401 {
            break response;
        }
        response.has_code(400, "invalid_request");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    expired.is_problem(401, &[("error", "Token is expired")]);
    let refreshed = api.refresh(&ada.refresh).await;
    assert_eq!(refreshed.status, 201);
    let response = api.log_out(&text(&refreshed.json()["access_token"])).await;
    assert_eq!(
        (response.status, response.json()),
        (200, json!("Successfully logged out"))
    );
}
