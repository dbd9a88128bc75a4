//! Error responses: CORS headers, corrupt data, malformed requests.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use test_support::fixture::{Fixture, invoke};
use test_support::{Api, Form};

#[tokio::test]
async fn error_responses_carry_cors_headers() {
    let api = Api::start().await;
    let origin = "https://app.example.com";
    for (call, status) in [
        (api.get("/food"), 200),
        (api.get("/food?limit=0"), 400),
        (api.post("/logout"), 401),
        (api.get("/food/01990000-0000-7000-8000-000000000001"), 404),
        (api.get("/nowhere"), 404),
        (api.post("/users").body("application/json", "{}"), 422),
        (api.post("/food").form(Form::new()), 401),
    ] {
        let response = call.header("origin", origin).send().await;
        assert_eq!(response.status, status);
        assert_eq!(response.header("access-control-allow-origin"), "*");
        let exposed = response.header("access-control-expose-headers");
        let exposed = exposed.to_lowercase();
        for header in ["link", "etag", "location", "retry-after"] {
            assert!(exposed.contains(header), "{exposed}");
        }
    }
}

#[tokio::test]
async fn cors_allows_only_the_origin_in_the_setting() {
    let api = Api::with(&[("ALLOWED_ORIGIN", "https://app.example.com")]).await;
    for (origin, allowed) in
        [("https://app.example.com", "https://app.example.com"), ("https://evil.example.com", "")]
    {
        let response = api.get("/food").header("origin", origin).send().await;
        assert_eq!(response.header("access-control-allow-origin"), allowed);
    }
}

#[tokio::test]
async fn corrupt_dynamodb_item_is_a_500_without_details() {
    let (api, ada) = Api::with_member("ada").await;
    let food = api.share(&ada, "Soup").await;
    let id = food["id"].as_str().unwrap();
    api.local
        .aws()
        .dynamodb()
        .update_item()
        .table_name("foods")
        .key("pk", AttributeValue::S(format!("FOOD#{id}")))
        .update_expression("REMOVE title")
        .send()
        .await
        .unwrap();
    let path = format!("/food/{id}");
    for response in [
        api.get(&path).send().await,
        api.get("/food").send().await,
        api.delete(&path).bearer(&ada).send().await,
    ] {
        let message = "internal server error; please report it";
        response.is_problem(500, &[("internal_error", message)]);
    }
}

#[tokio::test]
async fn request_with_malformed_host_or_path_succeeds() {
    let changes: [fn(&mut Value); 7] = [
        |event| event["headers"]["user-agent"] = "café".into(),
        |event| event["headers"]["host"] = "a b:99999".into(),
        |event| event["headers"]["host"] = "".into(),
        |event| event["rawPath"] = "/food /\"<é>".into(),
        |event| event["rawPath"] = "".into(),
        |event| event["rawPath"] = ":99999".into(),
        |event| event["requestContext"]["stage"] = "pro d".into(),
    ];
    let fixture = Fixture::seeded().await;
    let functions = fixture.functions();
    for change in changes {
        let response = invoke(&functions, "list_food", change).await;
        assert_eq!(response["statusCode"], 200, "{response}");
    }
}
