//! Errors as the description has them: each is made as handlers make it, and shows what it answers.

use std::collections::BTreeMap;

use domain::application::AuthenticateError;
use domain::storage::StorageError;
use domain::token::TokenError;
use serde_json::{Map, Value, json};

use crate::ApiError;

/// The errors of one route, by status. Those that every route has come along: of our own parts, and of tokens where it wants one.
pub(super) fn responses(mut errors: Vec<ApiError>, signed_in: bool) -> Map<String, Value> {
    errors.push(StorageError::Corrupt("odd".into()).into());
    errors.push(StorageError::Unavailable("away".into()).into());
    if signed_in {
        let tokens = [
            TokenError::Missing,
            TokenError::Malformed,
            TokenError::Expired,
            TokenError::Refused,
        ];
        errors.extend(tokens.map(|error| AuthenticateError::Token(error).into()));
    }
    let mut problems: BTreeMap<u16, Vec<Shown>> = BTreeMap::new();
    for shown in errors.into_iter().map(Shown::new) {
        let same = problems.entry(shown.status).or_default();
        if !same.iter().any(|other| other.problem == shown.problem) {
            same.push(shown);
        }
    }
    let response = |(status, shown): (u16, Vec<Shown>)| (status.to_string(), response(&shown));
    problems.into_iter().map(response).collect()
}

/// An error as a client sees it.
struct Shown {
    status: u16,
    headers: Vec<(String, String)>,
    problem: Map<String, Value>,
}

const STANDARD: [&str; 3] = ["type", "title", "status"];

impl Shown {
    fn new(error: ApiError) -> Self {
        let reply = error.into_reply();
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = reply.headers.iter();
        let headers = headers.filter(|(name, _)| *name != http::header::CONTENT_TYPE);
        Self {
            status: reply.status.as_u16(),
            headers: headers
                .map(|(name, value)| (canonical(name.as_str()), text(value)))
                .collect(),
            problem: serde_json::from_str(&reply.body).expect("a problem is an object"),
        }
    }

    fn codes(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.problem
            .iter()
            .filter(|(name, _)| !STANDARD.contains(&name.as_str()))
    }
}

/// As RFC 9110 spells it: HTTP does not mind, readers do.
fn canonical(name: &str) -> String {
    let part = |part: &str| match part {
        "www" => "WWW".to_owned(),
        part => part[..1].to_uppercase() + &part[1..],
    };
    let parts: Vec<_> = name.split('-').map(part).collect();
    parts.join("-")
}

fn response(shown: &[Shown]) -> Value {
    let first = &shown[0];
    let mut properties = Map::new();
    for name in STANDARD {
        properties.insert(name.to_owned(), json!({"const": first.problem[name]}));
    }
    let mut codes: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    let mut examples = Map::new();
    let mut headers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in shown {
        let names: Vec<_> = one.codes().map(|(code, _)| code.as_str()).collect();
        let mut name = names.join("+");
        if examples.contains_key(&name) {
            name = format!("{name} {}", examples.len() + 1);
        }
        examples.insert(name, json!({ "value": one.problem }));
        for (code, sentence) in one.codes() {
            codes.entry(code).or_default().push(sentence);
        }
        for (name, value) in &one.headers {
            headers.entry(name).or_default().push(value);
        }
    }
    for (code, sentences) in &codes {
        let schema = json!({"type": "string", "examples": sentences});
        properties.insert((*code).to_owned(), schema);
    }
    let described: Vec<_> = codes.keys().map(|code| format!("`{code}`")).collect();
    let header = |(name, values): (&str, Vec<&str>)| {
        let always = values.len() == shown.len();
        let header =
            json!({"required": always, "schema": {"type": "string"}, "example": values[0]});
        (name.to_owned(), header)
    };
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
        response["headers"] = headers.into_iter().map(header).collect();
    }
    response
}
