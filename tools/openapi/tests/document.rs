//! Compares `openapi.json` with the generated document, and this document with the routes and the domain.

use std::collections::BTreeSet;

use domain::food::{Description, Title};
use domain::idempotency::IdempotencyKey;
use domain::page::PageSize;
use domain::password::Password;
use domain::user::{Email, UserName};
use functions::routes::{Access, ROUTES};
use serde_json::Value;

fn document() -> Value {
    functions::api::openapi_document()
}

#[test]
fn openapi_json_matches_generated_document() {
    let is_current = include_str!("../../../openapi.json") == openapi::openapi_json();
    assert!(is_current, "run `cargo run -p openapi` to update openapi.json");
}

#[test]
fn openapi_document_has_error_responses_of_every_route() {
    let document = document();
    let mut documented = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let route = (method.to_uppercase(), path.clone());
            let responses = operation["responses"].as_object().unwrap();
            for status in ["500", "503"] {
                assert!(responses.contains_key(status), "{route:?} {status}");
            }
            let signed_in = operation["security"] != Value::Array(Vec::new());
            let refresh =
                operation["operationId"] == "refresh" || operation["operationId"] == "login";
            assert_eq!(responses.contains_key("401"), signed_in || refresh, "{route:?}");
            let is_optional = operation["security"][1].is_object();
            documented.insert((route, signed_in, is_optional));
        }
    }
    let routes = ROUTES.map(|route| {
        let key = (route.method.to_owned(), route.path.to_owned());
        // The body of a logout can authenticate.
        let is_optional = route.access == Access::Optional || route.name == "logout";
        (key, route.access != Access::Anonymous, is_optional)
    });
    assert_eq!(documented, routes.into());
}

/// Adds the values of all JSON members with the name `name`, at any depth, to `found`.
fn values<'a>(json: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match json {
        Value::Object(members) => {
            found.extend(members.get(name));
            members.values().for_each(|value| values(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|value| values(value, name, found)),
        _ => {}
    }
}

#[test]
fn openapi_references_and_links_have_targets() {
    let document = document();
    let mut references = Vec::new();
    values(&document, "$ref", &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let mut links = Vec::new();
    values(&document, "links", &mut links);
    assert!(links.len() >= 4);
    for link in links.iter().flat_map(|links| links.as_object().unwrap().values()) {
        let names: Vec<_> = ROUTES.iter().map(|route| route.name).collect();
        assert!(names.contains(&link["operationId"].as_str().unwrap()));
    }
}

#[test]
fn openapi_limits_match_domain_limits() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    for (schema, member, limit, value) in [
        ("NewUser", "first_name", "maxLength", UserName::MAX_CHARS),
        ("NewUser", "last_name", "maxLength", UserName::MAX_CHARS),
        ("NewUser", "email", "maxLength", Email::MAX_BYTES),
        ("Credentials", "email", "maxLength", Email::MAX_BYTES),
        ("NewUser", "password", "maxLength", Password::MAX_CHARS),
        ("PasswordChange", "new_password", "maxLength", Password::MAX_CHARS),
        ("FoodFields", "title", "maxLength", Title::MAX_CHARS),
        ("FoodForm", "title", "maxLength", Title::MAX_CHARS),
        ("Food", "title", "maxLength", Title::MAX_CHARS),
        ("FoodFields", "description", "maxLength", Description::MAX_CHARS),
        ("FoodForm", "description", "maxLength", Description::MAX_CHARS),
        ("Food", "description", "maxLength", Description::MAX_CHARS),
    ] {
        assert_eq!(schemas[schema]["properties"][member][limit], value, "{schema}.{member}");
    }
    let parameter = |path: &str, method: &str, name: &str| {
        let parameters = document["paths"][path][method]["parameters"].as_array().unwrap();
        let found = parameters.iter().find(|parameter| parameter["name"] == name);
        found.unwrap()["schema"].clone()
    };
    assert_eq!(parameter("/food", "get", "limit")["maximum"], PageSize::MAX);
    let key = parameter("/food", "post", "Idempotency-Key");
    assert_eq!(key["minLength"], IdempotencyKey::MIN_CHARS);
    assert_eq!(key["maxLength"], IdempotencyKey::MAX_CHARS);
}
