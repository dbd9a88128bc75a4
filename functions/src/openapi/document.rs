//! Assembles the `OpenAPI` document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operation::Operation;
use crate::routes::ROUTES;

const ABOUT: &str = include_str!("about.md");

/// The tags of the document: name, description and the path prefixes of the routes with the tag.
/// A route has the tag with its longest prefix.
const TAGS: [(&str, &str, &[&str]); 5] = [
    ("Foods", "Create, list, update and delete foods.", &["/food", "/users/{user_id}/food"]),
    (
        "Recommendations",
        "Like foods, and get foods that the user will probably like.",
        &["/food/{food_id}/like", "/food/{food_id}/similar", "/users/me/likes", "/recommendations"],
    ),
    (
        "Sessions",
        "Log in, refresh tokens and revoke sessions.",
        &["/login", "/logout", "/refresh", "/sessions"],
    ),
    ("Users", "Create, list and delete users.", &["/users"]),
    ("Documentation", "This API.", &["/openapi.json", "/docs"]),
];

/// Assembles the `OpenAPI` document. `operations` are in the order of [`ROUTES`].
pub(crate) fn document(operations: Vec<Operation>) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas = BTreeMap::new();
    for (route, mut operation) in ROUTES.iter().zip(operations) {
        let prefixes =
            TAGS.iter().flat_map(|(tag, _, paths)| paths.iter().map(move |path| (path, tag)));
        let tag = prefixes.filter(|(path, _)| route.path.starts_with(**path));
        let (_, tag) = tag.max_by_key(|(path, _)| path.len()).expect("every route has a tag");
        schemas.append(&mut operation.schemas);
        let operation = operation.finish(route.name, tag, route.access);
        let path = paths.entry(route.path).or_default();
        path.insert(route.method.to_lowercase(), operation);
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "food-app",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Share foods and find those of others.",
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server of this document"}],
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
