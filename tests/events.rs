//! Every file in `events/`, and what it is answered with.

use serde_json::{Value, json};

use crate::support::scene::{ADA, ADAS_LAPTOP, ADAS_SESSION, EVE, FUFU, JOLLOF};

/// Functions that look at nothing that could be wrong, and call nothing that could fail.
pub(crate) const BRING_THEIR_ANSWERS: [&str; 2] = ["get_openapi", "get_docs"];

/// Each event with its status and, where that is known beforehand, its body.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn expected() -> Vec<(&'static str, u16, Value)> {
    let problem = |status: u16, title: &str, codes: Value| {
        let mut problem = json!({"type": "about:blank", "title": title, "status": status});
        for (code, sentence) in codes.as_object().expect("codes") {
            problem[code] = sentence.clone();
        }
        problem
    };
    let invalid = |codes| problem(422, "Unprocessable Entity", codes);
    let unauthorized = |sentence: &str| problem(401, "Unauthorized", json!({ "error": sentence }));
    let bad_id = problem(
        400,
        "Bad Request",
        json!({"invalid_request": "the id in the path should be a UUID"}),
    );
    let not_found = problem(
        404,
        "Not Found",
        json!({"not_found": "there is no such thing"}),
    );
    let not_owner = problem(
        403,
        "Forbidden",
        json!({"not_owner": "only who shared it may change or delete it"}),
    );
    let stale = problem(
        412,
        "Precondition Failed",
        json!({"precondition_failed": "it was changed since, please look and try again"}),
    );
    let wrong = problem(
        401,
        "Unauthorized",
        json!({"incorrect_password": "incorrect email or password"}),
    );
    let malformed = "token contains an invalid number of segments";
    let ada = json!({"id": ADA, "first_name": "Ada", "last_name": "Lovelace"});
    let eve = json!({"id": EVE, "first_name": "Eve", "last_name": "Lovelace"});
    vec![
        (
            "create_user",
            201,
            json!({"first_name": "Grace", "last_name": "Hopper"}),
        ),
        (
            "create_user.once",
            201,
            json!({"first_name": "Grace", "last_name": "Hopper"}),
        ),
        (
            "create_user.email_taken",
            409,
            problem(
                409,
                "Conflict",
                json!({"email_taken": "email already taken"}),
            ),
        ),
        (
            "create_user.invalid_fields",
            422,
            invalid(json!({
                "firstname_required": "first name is required",
                "lastname_required": "last name is required",
                "invalid_email": "please provide a valid email",
                "invalid_password": "password should be at least 8 characters",
            })),
        ),
        (
            "create_user.invalid_json",
            422,
            invalid(json!({"invalid_json": "invalid json"})),
        ),
        ("list_users", 200, json!([ada, eve])),
        ("list_users.page", 200, json!([ada])),
        ("list_users.next_page", 200, json!([eve])),
        (
            "list_users.foreign_cursor",
            400,
            problem(
                400,
                "Bad Request",
                json!({"invalid_request": "the cursor should be one from a Link of this list"}),
            ),
        ),
        ("get_user", 200, ada.clone()),
        ("get_user.not_found", 404, not_found.clone()),
        ("get_user.bad_id", 400, bad_id.clone()),
        ("change_password", 204, Value::Null),
        (
            "change_password.wrong",
            403,
            problem(
                403,
                "Forbidden",
                json!({"incorrect_password": "incorrect old password"}),
            ),
        ),
        (
            "change_password.invalid_fields",
            422,
            invalid(json!({
                "old_password_required": "old password is required",
                "invalid_password":
                    "this password is one that many people have, please choose another",
            })),
        ),
        ("delete_user", 204, Value::Null),
        ("delete_user.no_token", 401, unauthorized(malformed)),
        (
            "login",
            200,
            json!({
                "id": ADA, "first_name": "Ada", "last_name": "Lovelace",
                "token_type": "Bearer", "expires_in": 900,
            }),
        ),
        ("login.incorrect_password", 401, wrong.clone()),
        ("login.unknown_email", 401, wrong),
        (
            "login.invalid_fields",
            422,
            invalid(json!({
                "invalid_email": "please provide a valid email",
                "password_required": "password is required",
            })),
        ),
        ("logout", 200, json!("Successfully logged out")),
        ("logout.no_token", 401, unauthorized(malformed)),
        (
            "logout.expired_token",
            401,
            unauthorized("Token is expired"),
        ),
        ("logout.ended_session", 401, unauthorized("unauthorized")),
        ("logout.refresh_token", 401, unauthorized("unauthorized")),
        ("logout.foreign_secret", 401, unauthorized("unauthorized")),
        ("logout.foreign_audience", 401, unauthorized("unauthorized")),
        (
            "refresh",
            201,
            json!({"token_type": "Bearer", "expires_in": 900}),
        ),
        (
            "refresh.missing_token",
            422,
            invalid(json!({"refresh_token_required": "refresh token is required"})),
        ),
        ("refresh.reused_token", 401, unauthorized("unauthorized")),
        (
            "refresh.expired_token",
            401,
            unauthorized("Token is expired"),
        ),
        ("refresh.access_token", 401, unauthorized("unauthorized")),
        (
            "list_sessions",
            200,
            json!([
                { "id": ADAS_LAPTOP, "refreshed_at": null, "user_agent": "laptop/1.0", "current": false },
                { "id": ADAS_SESSION, "refreshed_at": null, "user_agent": null, "current": true },
            ]),
        ),
        ("list_sessions.no_token", 401, unauthorized(malformed)),
        ("end_session", 204, Value::Null),
        ("end_session.current", 204, Value::Null),
        ("end_session.not_found", 404, not_found.clone()),
        ("end_session.bad_id", 400, bad_id.clone()),
        ("end_sessions", 204, Value::Null),
        ("end_sessions.all", 204, Value::Null),
        (
            "end_sessions.bad_query",
            400,
            problem(
                400,
                "Bad Request",
                json!({"invalid_request": "current should be true or false"}),
            ),
        ),
        (
            "create_food",
            201,
            json!({
                "user_id": ADA, "title": "Suya", "description": "<p>With <b>yaji</b></p>",
                "deleted_at": null,
            }),
        ),
        (
            "create_food.once",
            201,
            json!({"user_id": ADA, "title": "Suya"}),
        ),
        (
            "create_food.unique_title",
            409,
            problem(
                409,
                "Conflict",
                json!({"unique_title": "food title already taken"}),
            ),
        ),
        (
            "create_food.invalid_fields",
            422,
            invalid(json!({
                "title_required": "title is required",
                "desc_required": "description is required",
                "invalid_file": "a valid file is required",
            })),
        ),
        (
            "create_food.not_an_image",
            422,
            invalid(json!({"upload_err": "please upload a valid image"})),
        ),
        ("create_food.no_token", 401, unauthorized(malformed)),
        (
            "create_food.not_a_form",
            400,
            problem(
                400,
                "Bad Request",
                json!({"invalid_request": "the body should be multipart/form-data, \
                       and its Content-Type name a boundary"}),
            ),
        ),
        (
            "create_food.upload",
            201,
            json!({"user_id": ADA, "title": "Suya", "images": []}),
        ),
        (
            "create_food.upload_once",
            201,
            json!({"user_id": ADA, "title": "Suya"}),
        ),
        (
            "create_food.no_such_upload",
            422,
            invalid(json!({
                "invalid_file": "there is no such upload of yours that no food was given yet",
            })),
        ),
        (
            "create_image_upload",
            201,
            json!({
                "upload": {"fields": {"Content-Type": "image/jpeg"}},
                "max_bytes": 8_192_000, "expires_in": 900,
            }),
        ),
        (
            "create_image_upload.invalid_fields",
            422,
            invalid(json!({
                "upload_err": "content_type should be image/jpeg, image/png, image/webp, \
                               image/gif or image/avif",
                "size_required": "size is required: the picture's length in bytes",
            })),
        ),
        (
            "create_image_upload.too_large",
            413,
            problem(
                413,
                "Payload Too Large",
                json!({"upload_err": "please upload an image of at most 8192000 bytes"}),
            ),
        ),
        ("create_image_upload.no_token", 401, unauthorized(malformed)),
        (
            "list_food",
            200,
            json!([{"id": FUFU, "user_id": EVE}, {"id": JOLLOF, "user_id": ADA}]),
        ),
        ("list_food.page", 200, json!([{"id": FUFU}])),
        ("list_food.next_page", 200, json!([{"id": JOLLOF}])),
        (
            "list_food.bad_limit",
            400,
            problem(
                400,
                "Bad Request",
                json!({"invalid_request": "a limit is a number from 1 to 100"}),
            ),
        ),
        ("get_openapi", 200, json!({"openapi": "3.1.1"})),
        ("get_docs", 200, Value::Null),
        ("get_docs.plain", 200, Value::Null),
        (
            "get_food",
            200,
            json!({
                "food": {
                    "id": JOLLOF, "user_id": ADA, "title": "Jollof rice",
                    "description": "<p>Smoky</p>", "deleted_at": null,
                },
                "creator": ada,
            }),
        ),
        ("get_food.not_modified", 304, Value::Null),
        ("get_food.not_found", 404, not_found.clone()),
        ("get_food.bad_id", 400, bad_id.clone()),
        (
            "update_food",
            200,
            json!({"id": JOLLOF, "title": "Party jollof"}),
        ),
        (
            "update_food.keeps_picture",
            200,
            json!({"id": JOLLOF, "title": "Jollof rice", "description": "Smoky"}),
        ),
        (
            "update_food.upload",
            200,
            json!({"id": JOLLOF, "title": "Suya"}),
        ),
        (
            "update_food.no_such_upload",
            422,
            invalid(json!({
                "invalid_file": "there is no such upload of yours that no food was given yet",
            })),
        ),
        (
            "update_food.unique_title",
            409,
            problem(
                409,
                "Conflict",
                json!({"unique_title": "title already taken"}),
            ),
        ),
        ("update_food.stale", 412, stale.clone()),
        ("update_food.not_owner", 403, not_owner.clone()),
        ("update_food.not_found", 404, not_found.clone()),
        ("delete_food", 200, json!("food deleted")),
        ("delete_food.stale", 412, stale),
        ("delete_food.not_owner", 403, not_owner),
        ("delete_food.not_found", 404, not_found),
        ("delete_food.bad_id", 400, bad_id),
    ]
}

/// The whole answer is as expected; of successful ones, what is expected is part of it.
pub(crate) fn check(name: &str, answer: &Value, status: u16, expected: &Value) {
    let body = answer["body"].as_str().expect("a body");
    assert_eq!(answer["statusCode"], status, "{name}: {body}");
    if function(name) == "get_docs" {
        let is_gzip = answer["headers"]["content-encoding"] == "gzip";
        assert_eq!(answer["isBase64Encoded"], is_gzip, "{name}");
        assert_eq!(is_gzip, name == "get_docs");
        assert!(is_gzip || body.starts_with("<!doctype html>"));
        return;
    }
    assert_eq!(answer["isBase64Encoded"], false, "{name}");
    if matches!(status, 204 | 304) {
        assert_eq!(body, "", "{name}");
        assert!(answer["headers"].get("content-type").is_none(), "{name}");
        return;
    }
    let body: Value = serde_json::from_str(body).expect("JSON");
    if status < 300 {
        assert_eq!(answer["headers"]["content-type"], "application/json");
        assert_contains(name, &body, expected);
    } else {
        assert_eq!(
            answer["headers"]["content-type"],
            "application/problem+json"
        );
        assert_eq!(&body, expected, "{name}");
    }
}

fn assert_contains(name: &str, actual: &Value, part: &Value) {
    match (actual, part) {
        (Value::Object(actual), Value::Object(part)) => {
            for (member, value) in part {
                let found = actual
                    .get(member)
                    .unwrap_or_else(|| panic!("{name}: {member}"));
                assert_contains(name, found, value);
            }
        }
        (Value::Array(actual), Value::Array(part)) => {
            assert_eq!(actual.len(), part.len(), "{name}");
            for (actual, part) in actual.iter().zip(part) {
                assert_contains(name, actual, part);
            }
        }
        _ => assert_eq!(actual, part, "{name}"),
    }
}

/// The function that an event is for.
pub(crate) fn function(event: &str) -> &str {
    event
        .split_once('.')
        .map_or(event, |(function, _)| function)
}
