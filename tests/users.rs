//! Signing up, and who is here.

use serde_json::{Value, json};

use crate::support::Api;
use crate::support::client::{PASSWORD, text};

fn ada() -> Value {
    json!({
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "password": PASSWORD,
    })
}

fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

#[tokio::test]
async fn who_signs_up_is_shown_without_address_and_password() {
    let api = Api::start().await;
    let answer = api.post("/users").json(&ada()).send().await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), "application/json");
    let user = answer.json();
    let id = text(&user["id"]);
    assert_eq!(
        user,
        json!({"id": id, "first_name": "Ada", "last_name": "Lovelace"})
    );
    // UUIDv7, version 7 of RFC 9562.
    assert_eq!(&id[14..15], "7");

    let shown = api.get(&format!("/users/{id}")).send().await;
    assert_eq!((shown.status, shown.json()), (200, user.clone()));
    let listed = api.get("/users").send().await;
    assert_eq!((listed.status, listed.json()), (200, json!([user])));
}

#[tokio::test]
async fn an_empty_list_is_an_empty_array() {
    let api = Api::start().await;
    for path in ["/users", "/food"] {
        let answer = api.get(path).send().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "[]"));
        assert_eq!(answer.next(), None);
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let api = Api::start().await;
    let required = [
        ("firstname_required", "first name is required"),
        ("lastname_required", "last name is required"),
        ("email_required", "email is required"),
        ("password_required", "password is required"),
    ];
    for body in [
        json!({}),
        json!({"first_name": null, "last_name": null, "email": null, "password": null}),
        json!({"first_name": "", "last_name": " \t", "email": "  ", "password": ""}),
        json!({"id": "1", "created_at": "2020", "role": "admin"}),
    ] {
        let answer = api.post("/users").json(&body).send().await;
        answer.is_problem(422, &required);
    }
    let long = "x".repeat(101);
    let body = json!({
        "first_name": long, "last_name": "", "email": "not an address", "password": "1234567",
    });
    api.post("/users").json(&body).send().await.is_problem(
        422,
        &[
            ("name_too_long", "a name should be at most 100 characters"),
            ("lastname_required", "last name is required"),
            ("invalid_email", "please provide a valid email"),
            (
                "invalid_password",
                "password should be at least 8 characters",
            ),
        ],
    );
    assert_eq!(api.get("/users").send().await.text(), "[]");
}

#[tokio::test]
async fn lengths_are_counted_in_characters() {
    let api = Api::start().await;
    for (member, most, code) in [
        ("first_name", 100, "name_too_long"),
        ("last_name", 100, "name_too_long"),
        ("password", 128, "invalid_password"),
    ] {
        let long = with(ada(), member, json!("🍲".repeat(most + 1)));
        api.post("/users")
            .json(&long)
            .send()
            .await
            .has_code(422, code);
        let body = with(ada(), member, json!("🍲".repeat(most)));
        let body = with(body, "email", json!(format!("{member}@example.com")));
        assert_eq!(api.post("/users").json(&body).send().await.status, 201);
    }
    let short = with(ada(), "password", json!("é".repeat(7)));
    api.post("/users")
        .json(&short)
        .send()
        .await
        .has_code(422, "invalid_password");
    let enough = with(ada(), "password", json!("é".repeat(8)));
    assert_eq!(api.post("/users").json(&enough).send().await.status, 201);
}

#[tokio::test]
async fn the_shortest_password_is_a_setting_and_its_sentence_says_so() {
    let api = Api::with(&[("PASSWORD_MIN_LENGTH", "12")]).await;
    let short = with(ada(), "password", json!("eleven char"));
    api.post("/users").json(&short).send().await.is_problem(
        422,
        &[(
            "invalid_password",
            "password should be at least 12 characters",
        )],
    );
}

#[tokio::test]
async fn an_address_is_taken_once_in_any_case() {
    let api = Api::start().await;
    assert_eq!(api.post("/users").json(&ada()).send().await.status, 201);
    for email in ["ada@example.com", "ADA@EXAMPLE.COM", " Ada@Example.com "] {
        let again = with(ada(), "email", json!(email));
        let answer = api.post("/users").json(&again).send().await;
        answer.is_problem(409, &[("email_taken", "email already taken")]);
    }
    let users = api.get("/users").send().await.json();
    assert_eq!(users.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn names_come_back_as_typed() {
    let api = Api::start().await;
    for (nth, name) in [
        "<script>alert(1)</script>",
        "O'Brien & \"Sons\"",
        "مريم",
        "👩🏽‍🍳",
        "Zoe\u{308}",
        "a\\u0000\u{0}b",
    ]
    .into_iter()
    .enumerate()
    {
        let body = with(ada(), "email", json!(format!("n{nth}@example.com")));
        let body = with(body, "first_name", json!(format!("  {name} ")));
        let user = api.post("/users").json(&body).send().await.json();
        assert_eq!(user["first_name"], name);
        let path = format!("/users/{}", text(&user["id"]));
        assert_eq!(api.get(&path).send().await.json()["first_name"], name);
    }
}

#[tokio::test]
async fn extra_members_bind_to_nothing() {
    let api = Api::start().await;
    let id = "01990000-0000-7000-8000-000000000001";
    let mut body = ada();
    for member in ["id", "pk", "user_id", "directory"] {
        body[member] = json!(id);
    }
    body["created_at"] = json!("1999-01-01T00:00:00Z");
    body["password_hash"] = json!("$argon2id$mine");
    let user = api.post("/users").json(&body).send().await.json();
    assert_ne!(user["id"], id);
    assert_eq!(api.get(&format!("/users/{id}")).send().await.status, 404);
    assert_eq!(api.log_in("ada").await.id, text(&user["id"]));
}

#[tokio::test]
async fn an_unknown_user_is_a_404_and_no_id_a_400() {
    let api = Api::start().await;
    let unknown = api
        .get("/users/01990000-0000-7000-8000-000000000001")
        .send()
        .await;
    unknown.is_problem(404, &[("not_found", "there is no such thing")]);
    for id in [
        "1",
        "me",
        "01990000-0000-7000-8000-00000000000g",
        "%00",
        "%F0%9F%8D%B2",
    ] {
        let answer = api.get(&format!("/users/{id}")).send().await;
        answer.has_code(400, "invalid_request");
    }
}
