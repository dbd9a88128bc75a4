//! The OpenAPI document matches the responses to events.

use functions::routes::ROUTES;
use serde_json::Value;
use test_support::template::texts;

use crate::event::expected::{expected, function};

#[test]
fn openapi_document_has_every_event_response() {
    let document: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    for (event, status, body) in expected() {
        let route = ROUTES.iter().find(|route| route.name == function(event));
        let route = route.unwrap();
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        assert_eq!(operation["operationId"], route.name);
        let response = &operation["responses"][status.to_string()];
        assert!(response.is_object(), "{event}: {status}");
        if status >= 400 {
            let schema = &response["content"]["application/problem+json"]["schema"];
            for (field, value) in body.as_object().unwrap() {
                let known = &schema["properties"][field];
                let is_documented = known["const"] == *value
                    || texts(&known["examples"])
                        .contains(&value.as_str().unwrap_or_default().to_owned());
                assert!(is_documented, "{event}: {field}");
            }
        }
    }
}
