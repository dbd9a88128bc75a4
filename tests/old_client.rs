//! Habits of the old web client that must go on working.

use serde_json::json;

use crate::support::client::text;
use crate::support::{Api, Form, pictures};

#[tokio::test]
async fn undefined_keeps_the_picture_on_put_and_is_an_invalid_file_on_post() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let form = Form::food("Soup").text("food_image", "undefined");
    let answer = api.post("/food").bearer(&ada).form(form).send().await;
    answer.is_problem(422, &[("invalid_file", "a valid file is required")]);

    let food = api.share(&ada, "Soup").await;
    let path = format!("/food/{}", text(&food["id"]));
    for form in [
        Form::new()
            .text("food_image", "undefined")
            .text("title", "Stew")
            .text("description", "Hot"),
        Form::food("Stew").text("food_image", ""),
        Form::food("Stew").file("", b""),
        Form::food("Stew"),
    ] {
        let answer = api.put(&path).bearer(&ada).form(form).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["food_image"], food["food_image"]);
    }
    let shown = api.get(&text(&food["food_image"])).send().await;
    assert_eq!(shown.status, 200);
}

#[tokio::test]
async fn the_word_null_counts_as_missing() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let form = Form::new()
        .text("title", "null")
        .text("description", "null")
        .file("a.jpg", &pictures::jpeg());
    let problem = [
        ("title_required", "title is required"),
        ("desc_required", "description is required"),
    ];
    let answer = api
        .post("/food")
        .bearer(&ada)
        .form(form.clone())
        .send()
        .await;
    answer.is_problem(422, &problem);
    let food = api.share(&ada, "Nullable").await;
    let path = format!("/food/{}", text(&food["id"]));
    let answer = api.put(&path).bearer(&ada).form(form).send().await;
    answer.is_problem(422, &problem);
}

/// As its `authorization.js` does: a request, the refresh that its 401 asks for, the request again.
#[tokio::test]
async fn an_expired_token_is_refreshed_and_the_request_repeated() {
    // Access tokens that last a second, so that one really expires.
    let api = Api::with(&[("ACCESS_TOKEN_TTL_SECONDS", "1")]).await;
    let ada = api.member("ada").await;
    let expired = loop {
        let answer = api.delete("/food/none").bearer(&ada).send().await;
        if answer.status == 401 {
            break answer;
        }
        answer.has_code(400, "invalid_request");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    expired.is_problem(401, &[("error", "Token is expired")]);
    let refreshed = api.refresh(&ada.refresh).await;
    assert_eq!(refreshed.status, 201);
    let access = text(&refreshed.json()["access_token"]);
    let answer = api.log_out(&access).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!("Successfully logged out"))
    );
}

#[tokio::test]
async fn a_missing_token_asks_for_a_refresh() {
    let api = Api::start().await;
    for answer in [
        api.post("/logout").send().await,
        api.post("/logout").token("undefined").send().await,
        api.post("/food")
            .token("null")
            .form(Form::new())
            .send()
            .await,
    ] {
        let sentence = "token contains an invalid number of segments";
        answer.is_problem(401, &[("error", sentence)]);
    }
}

#[tokio::test]
async fn the_list_is_a_bare_array_and_pictures_are_absolute() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let soup = api.share(&ada, "Soup").await;
    let stew = api.share(&ada, "Stew").await;
    let foods = api.get("/food").send().await.json();
    assert_eq!(foods, json!([stew, soup]), "newest first");
    for food in foods.as_array().unwrap() {
        let url = text(&food["food_image"]);
        assert!(
            url.parse::<http::Uri>().unwrap().scheme().is_some(),
            "{url}"
        );
        assert_eq!(api.get(&url).send().await.status, 200);
    }
}
