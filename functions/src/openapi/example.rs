//! Example bodies of requests and responses.

use serde_json::{Value, json};

/// The e-mail of a user that `local --demo` creates, so that the example login succeeds there.
pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "a spoonful of sugar";

/// A food title that the demo data does not have, because titles are unique.
pub(crate) const TITLE: &str = "Moi moi";
pub(crate) const DESCRIPTION: &str = "Steamed bean pudding with <b>peppers</b>.";

const FOOD_ID: &str = "01990000-0000-7000-8000-00000000f001";
pub(crate) const IMAGE_ID: &str = "01990000-0000-7000-8000-000000001a6e";
const SESSION_ID: &str = "01990000-0000-7000-8000-000000005e51";
const USER_ID: &str = "01990000-0000-7000-8000-00000000ada0";

pub(crate) fn user() -> Value {
    json!({"id": USER_ID, "first_name": "Ada", "last_name": "Okafor"})
}

pub(crate) fn current_user() -> Value {
    let mut account = user();
    account["email"] = EMAIL.into();
    account["created_at"] = "2026-11-22T18:53:26.123Z".into();
    account
}

pub(crate) fn tokens() -> Value {
    json!({
        "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.YW4gYWNjZXNz",
        "refresh_token": "eyJhbGciOiJIUzI1NiJ9.e30.YSByZWZyZXNo",
        "token_type": "Bearer",
        "expires_in": 900,
    })
}

pub(crate) fn login() -> Value {
    let mut login = tokens();
    for member in ["id", "first_name", "last_name"] {
        login[member] = user()[member].take();
    }
    login
}

pub(crate) fn session() -> Value {
    json!({
        "id": SESSION_ID,
        "created_at": "2026-11-22T18:53:26.123Z",
        "refreshed_at": null,
        "expires_at": "2026-11-29T18:53:26.000Z",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0)",
        "current": true,
    })
}

pub(crate) fn food() -> Value {
    let url = format!("https://images.example.com/foods/{FOOD_ID}/{IMAGE_ID}/320");
    json!({
        "id": FOOD_ID,
        "user_id": USER_ID,
        "title": TITLE,
        "description": DESCRIPTION,
        "food_image": format!("{url}.jpg"),
        "images": [
            {"url": format!("{url}.jpg"), "width": 320, "height": 240, "type": "image/jpeg"},
            {"url": format!("{url}.webp"), "width": 320, "height": 240, "type": "image/webp"},
        ],
        "likes": 12,
        "created_at": "2026-11-22T18:53:26.123Z",
        "updated_at": "2026-11-22T18:53:26.123Z",
        "deleted_at": null,
    })
}

pub(crate) fn food_and_creator() -> Value {
    json!({"food": food(), "creator": user(), "liked": true})
}

pub(crate) fn likes(likes: u64, liked: bool) -> Value {
    json!({"likes": likes, "liked": liked})
}

pub(crate) fn recommendation() -> Value {
    let because = json!({"id": "01990000-0000-7000-8000-00000000f002", "title": "Akara"});
    json!({"food": food(), "because": because})
}

pub(crate) fn image_upload() -> Value {
    json!({
        "image_id": IMAGE_ID,
        "upload": {
            "url": "https://uploads.s3.eu-central-1.amazonaws.com",
            "fields": {
                "key": format!("{USER_ID}/{IMAGE_ID}"),
                "Content-Type": "image/jpeg",
                "x-amz-algorithm": "AWS4-HMAC-SHA256",
                "x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20261122/eu-central-1/s3/aws4_request",
                "x-amz-date": "20261122T185326Z",
                "policy": "eyJleHBpcmF0aW9uIjoi…",
                "x-amz-signature": "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
            },
        },
        "max_bytes": 8_192_000,
        "expires_in": 900,
    })
}
