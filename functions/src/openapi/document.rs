//! The whole document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operation::Operation;
use crate::routes::ROUTES;

const ABOUT: &str = include_str!("about.md");

/// Groups of routes by how their paths begin, as the page shows them.
const TAGS: [(&str, &str, &[&str]); 4] = [
    ("Foods", "What people share.", &["/food"]),
    (
        "Sessions",
        "Signing in, and being signed in.",
        &["/login", "/logout", "/refresh", "/sessions"],
    ),
    ("Users", "Who shares it.", &["/users"]),
    (
        "Documentation",
        "This description.",
        &["/openapi.json", "/docs"],
    ),
];

/// Makes the document of the operations of all routes, in the order of the table.
pub(crate) fn document(operations: Vec<Operation>) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas = BTreeMap::new();
    for (route, mut operation) in ROUTES.iter().zip(operations) {
        let is_of = |paths: &&[&str]| paths.iter().any(|path| route.path.starts_with(path));
        let tag = TAGS.iter().find(|(_, _, paths)| is_of(paths));
        let (tag, ..) = tag.expect("every route is in a group");
        schemas.append(&mut operation.schemas);
        let operation = operation.finish(route.name, tag, route.signed_in);
        let path = paths.entry(route.path).or_default();
        path.insert(route.method.to_lowercase(), operation);
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "food-app",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Share what you cook, and find what others do.",
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this description comes from"}],
        "tags": TAGS.map(|(name, about, _)| json!({"name": name, "description": about})),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "The `access_token` of `POST /login` or `POST /refresh` (RFC 6750).",
            }},
        },
    })
}
