//! Hostile input gets a 4xx response, never a 5xx or a timeout.

use serde_json::json;

use test_support::{Api, Form, images};

#[tokio::test]
async fn malformed_or_non_object_json_body_is_a_422() {
    let api = Api::start().await;
    let deep = format!("{{\"email\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let endless = "[".repeat(1_000_000);
    for body in [
        &b""[..],
        b"null",
        b"[\"Ada\",\"Lovelace\",\"ada@example.com\",\"correct horse\"]",
        b"{\"email\":\"\xff\xfe\"}",
        b"{\"email\":{\"$ne\":null}}",
        b"{\"email\":\"a@example.com\",\"email\":\"b@example.com\"}",
        b"{\"refresh_token\":\"a\",\"refresh_token\":\"b\",\"email\":[]}",
        deep.as_bytes(),
        endless.as_bytes(),
    ] {
        let is_about_email = body.starts_with(b"{\"email\"");
        for path in ["/users", "/login", "/refresh"] {
            let response = api.post(path).body("application/json", body).send().await;
            if path == "/refresh" && is_about_email && std::str::from_utf8(body).is_ok() {
                // `email` is an unknown field here and ignored.
                response.has_code(422, "refresh_token_required");
            } else {
                response.is_problem(422, &[("invalid_json", "invalid json")]);
            }
        }
    }
}

#[tokio::test]
async fn json_body_of_one_megabyte_is_parsed_and_validated() {
    let api = Api::start().await;
    let long = "x".repeat(1_000_000);
    let body = json!({"first_name": long, "last_name": long, "email": long, "password": long});
    let response = api.post("/users").json(&body).send().await;
    response.has_code(422, "name_too_long");
    assert!(response.json()["invalid_password"].is_string());
    let body = json!({"refresh_token": long});
    let response = api.post("/refresh").json(&body).send().await;
    response.has_code(401, "error");
    let many: serde_json::Map<_, _> =
        (0..50_000).map(|nth| (format!("field{nth}"), json!(nth))).collect();
    let response = api.post("/login").json(&many.into()).send().await;
    response.has_code(422, "email_required");
}

#[tokio::test]
async fn json_body_is_accepted_with_any_content_type() {
    let api = Api::start().await;
    let body = json!({"email": "a@example.com", "password": "x"}).to_string();
    // `curl -d` sends the first one.
    for content_type in ["application/x-www-form-urlencoded", "text/plain", "image/png", "nonsense"]
    {
        let response = api.post("/login").body(content_type, body.clone()).send().await;
        response.has_code(401, "incorrect_password");
    }
}

#[tokio::test]
async fn malformed_id_in_the_path_is_a_400_or_404_on_every_route() {
    let (api, ada) = Api::with_member("ada").await;
    for id in [
        "1",
        "01990000-0000-7000-8000-00000000000z",
        "0199000000007000800000000000f001",
        "%2e%2e",
        "a%2Fb",
        "%F0%9F%8D%B2",
        "%7B01990000-0000-7000-8000-000000000001%7D",
        &"9".repeat(2_000),
    ] {
        let path = format!("/food/{id}");
        for response in [
            api.get(&path).send().await,
            api.put(&path).bearer(&ada).form(Form::food("Soup")).send().await,
            api.delete(&path).bearer(&ada).send().await,
            api.get(&format!("/users/{id}")).send().await,
            api.put(&format!("{path}/like")).bearer(&ada).send().await,
            api.delete(&format!("{path}/like")).bearer(&ada).send().await,
            api.get(&format!("{path}/similar")).send().await,
            api.get(&format!("/users/{id}/food")).send().await,
            api.get(&format!("/users/me/likes?ids={id}")).bearer(&ada).send().await,
        ] {
            let status = response.status;
            assert!(matches!(status, 400 | 404), "{id}: {status}");
        }
    }
}

#[tokio::test]
async fn undecodable_path_or_query_is_a_400() {
    let api = Api::start().await;
    for path in [
        "/food/%/similar",
        "/food/%ff/similar",
        "/users/%c3%28/food",
        "/food/%",
        "/food/%zz",
        "/users/%ff",
        "/food/%c3%28",
        "/food/%u1234",
    ] {
        assert_eq!(api.get(path).send().await.status, 400, "{path}");
    }
    for path in ["/food?limit=%", "/food?limit=%zz", "/food?limit=%ff", "/food?cursor=%c3%28"] {
        api.get(path).send().await.has_code(400, "invalid_request");
    }
}

#[tokio::test]
async fn request_with_malformed_header_succeeds() {
    let (api, ada) = Api::with_member("ada").await;
    for (name, value) in [
        ("x-forwarded-proto", "javascript"),
        ("x-forwarded-for", "not an address, ::1"),
        ("user-agent", "\"><script>"),
        ("cookie", "a=b; c; =d; ;"),
        ("accept-encoding", "identity;q=0"),
        ("x-amzn-trace-id", "Root=;;;"),
    ] {
        let response = api.get("/food").header(name, value).send().await;
        assert_eq!(response.status, 200, "{name}");
        let login = json!({"email": ada.email, "password": "correct horse battery"});
        let response = api.post("/login").header(name, value).json(&login).send().await;
        assert_eq!(response.status, 200, "{name}");
    }
}

#[tokio::test]
async fn description_html_that_expands_when_parsed_is_rejected() {
    let (api, ada) = Api::with_member("ada").await;
    let description = format!("<p>{}{}", "<b a>".repeat(1_400), "<p>x".repeat(1_000));
    let form = Form::new()
        .text("title", "Bomb")
        .text("description", &description)
        .file("a.jpg", &images::jpeg());
    let response = api.post("/food").bearer(&ada).form(form).send().await;
    response.has_code(422, "desc_too_long");
}
