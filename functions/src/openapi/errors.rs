//! Error responses in the document: each error is made as handlers make it, and shown as it is returned.

use std::collections::BTreeMap;

use http::HeaderName;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};

use crate::{ApiError, Response};

const STANDARD: [&str; 3] = ["type", "title", "status"];

/// Returns the responses of these errors, by status.
pub(super) fn responses(errors: Vec<ApiError>) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<Response>> = BTreeMap::new();
    for reply in errors.into_iter().map(ApiError::into_response) {
        let same = by_status.entry(reply.status.as_u16()).or_default();
        if !same.iter().any(|other| other.body == reply.body) {
            same.push(reply);
        }
    }
    let responses = by_status.into_iter();
    responses
        .map(|(status, replies)| (status.to_string(), response(&replies)))
        .collect()
}

fn response(replies: &[Response]) -> Value {
    let (mut properties, mut codes) = (Map::new(), BTreeMap::<_, Vec<_>>::new());
    let (mut examples, mut headers) = (Map::new(), BTreeMap::<_, Vec<_>>::new());
    for reply in replies {
        let problem: BTreeMap<String, Value> =
            serde_json::from_str(&reply.body).expect("a problem is an object");
        let mut names = Vec::new();
        for (name, value) in &problem {
            if STANDARD.contains(&name.as_str()) {
                properties.insert(name.clone(), json!({ "const": value }));
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
        for (name, value) in reply
            .headers
            .iter()
            .filter(|(name, _)| *name != CONTENT_TYPE)
        {
            let value = value.to_str().unwrap_or_default();
            headers.entry(spelled(name)).or_default().push(value);
        }
    }
    let described: Vec<_> = codes.keys().map(|code| format!("`{code}`")).collect();
    for (code, messages) in codes {
        properties.insert(code, json!({"type": "string", "examples": messages}));
    }
    let headers = headers.into_iter().map(|(name, values)| {
        let always = values.len() == replies.len();
        let schema = json!({"type": "string"});
        let header = json!({"required": always, "schema": schema, "example": values[0]});
        (name.to_owned(), header)
    });
    let headers: Map<_, _> = headers.collect();
    let mut response = json!({
        "description": described.join(", "),
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

/// Spells a header as RFC 9110 does.
fn spelled(name: &HeaderName) -> &str {
    match *name {
        RETRY_AFTER => "Retry-After",
        WWW_AUTHENTICATE => "WWW-Authenticate",
        _ => name.as_str(),
    }
}
