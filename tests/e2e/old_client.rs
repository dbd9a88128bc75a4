//! Compatibility with the web client of the old service.

use serde_json::json;
use test_support::{Api, Form, text};

#[tokio::test]
async fn food_update_with_file_undefined_keeps_the_image() {
    let (api, ada) = Api::with_member("ada").await;
    let form = Form::food("Soup").text("food_image", "undefined");
    let rejected = api.post_food(&ada, form).await;
    rejected.is_problem(422, &[("invalid_file", "a valid file is required")]);

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
    // The URL is absolute.
    let shown = api.get(&text(&food["food_image"])).send().await;
    assert_eq!(shown.status, 200);
}

/// Repeats the requests of `authorization.js` in the old web client: request, 401, refresh, request.
#[tokio::test]
async fn expired_access_token_can_be_replaced_by_refresh() {
    // Short enough to expire during the test.
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
    assert_eq!((response.status, response.json()), (200, json!("Successfully logged out")));
}
