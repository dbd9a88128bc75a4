//! Generates the error responses of the `OpenAPI` document from the [`ApiError`]s that handlers return.

use std::collections::BTreeMap;

use http::HeaderName;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};

use crate::{ApiError, Response};

const STANDARD: [&str; 3] = ["type", "title", "status"];

/// Groups errors by status and returns an `OpenAPI` response for each status.
pub(super) fn responses(errors: Vec<ApiError>) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<Response>> = BTreeMap::new();
    for response in errors.into_iter().map(ApiError::into_response) {
        let same_status = by_status.entry(response.status.as_u16()).or_default();
        if !same_status.iter().any(|other| other.body == response.body) {
            same_status.push(response);
        }
    }
    let responses = by_status.into_iter();
    responses.map(|(status, responses)| (status.to_string(), merge(&responses))).collect()
}

/// Returns one `OpenAPI` response for all errors of a status.
fn merge(responses: &[Response]) -> Value {
    let (mut properties, mut codes) = (Map::new(), BTreeMap::<_, Vec<_>>::new());
    let (mut examples, mut headers) = (Map::new(), BTreeMap::<_, Vec<_>>::new());
    for response in responses {
        let problem: BTreeMap<String, Value> =
            serde_json::from_str(&response.body).expect("a problem is an object");
        let mut names = Vec::new();
        for (name, value) in &problem {
            if STANDARD.contains(&name.as_str()) {
                properties.insert(name.clone(), json!({ "const": value }));
            } else if name == "detail" {
                properties.insert(name.clone(), json!({"type": "string"}));
            } else {
                names.push(name.clone());
                codes.entry(name.clone()).or_default().push(value.clone());
            }
        }
        let mut name = names.join("+");
        if examples.contains_key(&name) {
            name = format!("{name} {}", examples.len() + 1);
        }
        examples.insert(name, json!({ "value": problem }));
        for (name, value) in response.headers.iter().filter(|(name, _)| *name != CONTENT_TYPE) {
            let value = value.to_str().unwrap_or_default();
            headers.entry(canonical_name(name)).or_default().push(value);
        }
    }
    let code_names: Vec<_> = codes.keys().map(|code| format!("`{code}`")).collect();
    for (code, messages) in codes {
        properties.insert(code, json!({"type": "string", "examples": messages}));
    }
    let headers = headers.into_iter().map(|(name, values)| {
        let is_required = values.len() == responses.len();
        let schema = json!({"type": "string"});
        let header = json!({"required": is_required, "schema": schema, "example": values[0]});
        (name.to_owned(), header)
    });
    let headers: Map<_, _> = headers.collect();
    let mut response = json!({
        "description": code_names.join(", "),
        "content": {"application/problem+json": {
            "schema": {
                "type": "object", "required": STANDARD, "minProperties": STANDARD.len() + 1,
                "properties": properties, "additionalProperties": false,
            },
            "examples": examples,
        }},
    });
    if !headers.is_empty() {
        response["headers"] = headers.into();
    }
    response
}

/// Returns the header name in the capitalization of RFC 9110.
fn canonical_name(name: &HeaderName) -> &str {
    match *name {
        ACCEPT => "Accept",
        ACCEPT_ENCODING => "Accept-Encoding",
        RETRY_AFTER => "Retry-After",
        WWW_AUTHENTICATE => "WWW-Authenticate",
        _ => name.as_str(),
    }
}
