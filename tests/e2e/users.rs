//! Signing up, reading and listing users.

use serde_json::{Value, json};
use test_support::{Api, PASSWORD, text};

fn ada() -> Value {
    json!({
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "password": PASSWORD,
    })
}

#[tokio::test]
async fn user_response_has_no_email_or_password() {
    let api = Api::start().await;
    let created = api.post("/users").json(&ada()).send().await;
    assert_eq!(created.status, 201);
    assert_eq!(created.header("content-type"), "application/json");
    let user = created.json();
    let id = text(&user["id"]);
    assert_eq!(user, json!({"id": id, "first_name": "Ada", "last_name": "Lovelace"}));
    // The version digit of a UUIDv7 (RFC 9562).
    assert_eq!(&id[14..15], "7");

    let shown = api.get(&format!("/users/{id}")).send().await;
    assert_eq!((shown.status, shown.json()), (200, user.clone()));
    let listed = api.get("/users").send().await;
    assert_eq!((listed.status, listed.json()), (200, json!([user])));
}

#[tokio::test]
async fn invalid_sign_up_returns_all_field_errors() {
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
        let rejected = api.post("/users").json(&body).send().await;
        rejected.is_problem(422, &required);
    }
    let long = "x".repeat(101);
    let body = json!({
        "first_name": long, "last_name": "", "email": "not an e-mail", "password": "1234567",
    });
    api.post("/users").json(&body).send().await.is_problem(
        422,
        &[
            ("name_too_long", "a name should be at most 100 characters"),
            ("lastname_required", "last name is required"),
            ("invalid_email", "please provide a valid email"),
            ("invalid_password", "password should be at least 8 characters"),
        ],
    );
    let body = json!({
        "first_name": "A\0da", "last_name": "\u{202e}ecalevoL", "email": "ada@1.2.3.4",
        "password": "P@ssword1",
    });
    let message =
        |field| format!("{field} should be one line without control or invisible characters");
    api.post("/users").json(&body).send().await.is_problem(
        422,
        &[
            ("invalid_firstname", &message("first name")),
            ("invalid_lastname", &message("last name")),
            ("invalid_email", "please provide a valid email"),
            ("invalid_password", "this password is too common; choose another"),
        ],
    );
    assert_eq!(api.get("/users").send().await.text(), "[]");
}

#[tokio::test]
async fn short_password_error_states_the_configured_minimum() {
    let api = Api::with(&[("PASSWORD_MIN_LENGTH", "12")]).await;
    let mut short = ada();
    short["password"] = json!("eleven char");
    let message = "password should be at least 12 characters";
    let rejected = api.post("/users").json(&short).send().await;
    rejected.is_problem(422, &[("invalid_password", message)]);
}

#[tokio::test]
async fn email_is_unique_per_mailbox() {
    let api = Api::start().await;
    for (email, same) in [
        ("ada@example.com", " ADA@Example.com "),
        ("νικος@bücher.example", "ΝΙΚΟΣ@xn--bcher-kva.example"),
    ] {
        let mut body = ada();
        body["email"] = json!(email);
        assert_eq!(api.post("/users").json(&body).send().await.status, 201);
        body["email"] = json!(same);
        let rejected = api.post("/users").json(&body).send().await;
        rejected.is_problem(409, &[("email_taken", "email already taken")]);
        let login = json!({"email": same, "password": body["password"]});
        assert_eq!(api.post("/login").json(&login).send().await.status, 200);
    }
}

#[tokio::test]
async fn password_is_the_same_composed_and_decomposed() {
    let api = Api::start().await;
    let mut body = ada();
    body["password"] = json!("crème brûlée");
    assert_eq!(api.post("/users").json(&body).send().await.status, 201);
    for (password, status) in [("cre\u{300}me bru\u{302}le\u{301}e", 200), ("creme brulee", 401)] {
        let login = json!({"email": body["email"], "password": password});
        assert_eq!(api.post("/login").json(&login).send().await.status, status);
    }
}

#[tokio::test]
async fn user_name_with_markup_is_returned_verbatim() {
    let api = Api::start().await;
    let name = "<script>'\"&</script> مريم 🍲 Zoe\u{308} \\u0000";
    let mut body = ada();
    body["first_name"] = json!(format!("  {name} "));
    let user = api.post("/users").json(&body).send().await.json();
    assert_eq!(user["first_name"], name);
    let path = format!("/users/{}", text(&user["id"]));
    assert_eq!(api.get(&path).send().await.json(), user);
}

#[tokio::test]
async fn unknown_json_fields_of_a_sign_up_are_ignored() {
    let api = Api::start().await;
    let id = "01990000-0000-7000-8000-000000000001";
    let mut body = ada();
    for field in ["id", "pk", "user_id", "directory"] {
        body[field] = json!(id);
    }
    body["created_at"] = json!("1999-01-01T00:00:00Z");
    body["password_hash"] = json!("$argon2id$mine");
    let user = api.post("/users").json(&body).send().await.json();
    assert_ne!(user["id"], id);
    assert_eq!(api.get(&format!("/users/{id}")).send().await.status, 404);
    assert_eq!(api.log_in("ada").await.id, text(&user["id"]));
}
