//! The expected response to every example event in `events/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// Functions with a constant response: they validate no input and call no backend.
pub(crate) const STATIC_RESPONSES: [&str; 2] = ["get_openapi", "get_docs"];

/// The expected response to an event: an entry of `responses.json` with either the codes of a problem or some
/// fields of the body.
#[derive(Deserialize)]
struct Expected {
    status: u16,
    codes: Option<Value>,
    #[serde(default)]
    body: Value,
}

static EXPECTED: LazyLock<BTreeMap<String, Expected>> =
    LazyLock::new(|| serde_json::from_str(include_str!("responses.json")).expect("responses"));

impl Expected {
    fn body(&self) -> Value {
        let Some(codes) = &self.codes else {
            return self.body.clone();
        };
        let mut problem = codes.clone();
        problem["type"] = json!("about:blank");
        problem["title"] = json!(StatusCode::from_u16(self.status).unwrap().canonical_reason());
        problem["status"] = json!(self.status);
        problem
    }
}

/// Returns the name of each event with the expected status and body of the response.
pub(crate) fn expected() -> Vec<(&'static str, u16, Value)> {
    let entry = |(name, expected): (&'static String, &Expected)| {
        (name.as_str(), expected.status, expected.body())
    };
    EXPECTED.iter().map(entry).collect()
}

/// Asserts that a response has the expected status and body: the whole body of an error, some fields of a success.
pub(crate) fn check(name: &str, response: &Value, status: u16, expected: &Value) {
    let body = response["body"].as_str().expect("a body");
    assert_eq!(response["statusCode"], status, "{name}: {body}");
    if function(name) == "get_docs" {
        let is_gzip = response["headers"]["content-encoding"] == "gzip";
        assert_eq!(response["isBase64Encoded"], is_gzip, "{name}");
        assert_eq!(is_gzip, name == "get_docs");
        assert!(is_gzip || body.starts_with("<!doctype html>"));
        return;
    }
    assert_eq!(response["isBase64Encoded"], false, "{name}");
    if matches!(status, 204 | 304) {
        assert_eq!(body, "", "{name}");
        assert!(response["headers"].get("content-type").is_none(), "{name}");
        return;
    }
    let body: Value = serde_json::from_str(body).expect("JSON");
    if status < 300 {
        assert_eq!(response["headers"]["content-type"], "application/json");
        assert_contains(name, &body, expected);
    } else {
        assert_eq!(response["headers"]["content-type"], "application/problem+json");
        assert_eq!(&body, expected, "{name}");
    }
}

fn assert_contains(name: &str, actual: &Value, part: &Value) {
    match (actual, part) {
        (Value::Object(actual), Value::Object(part)) => {
            for (field, value) in part {
                let found = actual.get(field).unwrap_or_else(|| panic!("{name}: {field}"));
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

/// Returns the name of the function that handles an event: the part of the event's name before the dot.
pub(crate) fn function(event: &str) -> &str {
    event.split_once('.').map_or(event, |(function, _)| function)
}
