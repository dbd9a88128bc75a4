//! The whole description.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operation::{Described, Operation};
use crate::handlers::{
    ChangePassword, CreateFood, CreateImageUpload, CreateUser, DeleteFood, DeleteUser, EndSession,
    EndSessions, GetDocs, GetFood, GetOpenapi, GetUser, ListFood, ListSessions, ListUsers, Login,
    Logout, Refresh, UpdateFood,
};
use crate::routes::{ROUTES, Route};

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

fn operation(route: &Route) -> Operation {
    match route.name {
        "create_user" => CreateUser::describe(),
        "list_users" => ListUsers::describe(),
        "get_user" => GetUser::describe(),
        "change_password" => ChangePassword::describe(),
        "delete_user" => DeleteUser::describe(),
        "login" => Login::describe(),
        "logout" => Logout::describe(),
        "refresh" => Refresh::describe(),
        "list_sessions" => ListSessions::describe(),
        "end_session" => EndSession::describe(),
        "end_sessions" => EndSessions::describe(),
        "create_food" => CreateFood::describe(),
        "create_image_upload" => CreateImageUpload::describe(),
        "list_food" => ListFood::describe(),
        "get_food" => GetFood::describe(),
        "update_food" => UpdateFood::describe(),
        "delete_food" => DeleteFood::describe(),
        "get_openapi" => GetOpenapi::describe(),
        "get_docs" => GetDocs::describe(),
        name => unreachable!("{name} is a route that nobody described"),
    }
}

/// The API of this version, as an `OpenAPI` 3.1 document.
pub fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas = BTreeMap::new();
    for route in &ROUTES {
        let mut operation = operation(route);
        let method = route.method.to_lowercase();
        let path = paths.entry(route.path).or_default();
        path.insert(method, described(route, &mut operation));
        schemas.extend(operation.schemas);
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

fn described(route: &Route, operation: &mut Operation) -> Value {
    let is_of = |paths: &&[&str]| paths.iter().any(|path| route.path.starts_with(path));
    let tag = TAGS.iter().find(|(_, _, paths)| is_of(paths));
    let (tag, ..) = tag.expect("every route is in a group");
    let security = if route.signed_in {
        json!([{"bearer": []}])
    } else {
        json!([])
    };
    let mut described = json!({
        "operationId": route.name,
        "tags": [tag],
        "summary": operation.summary,
        "description": operation.about,
        "security": security,
        "responses": operation.responses(route.signed_in),
    });
    if !operation.parameters.is_empty() {
        described["parameters"] = json!(operation.parameters);
    }
    if !operation.request.is_empty() {
        described["requestBody"] = json!({"required": true, "content": operation.request});
    }
    described
}
