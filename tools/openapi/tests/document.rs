//! `openapi.json` is what the code says.

use std::collections::BTreeSet;

use domain::food::{Description, Title};
use domain::idempotency::IdempotencyKey;
use domain::page::PageSize;
use domain::password::Password;
use domain::user::{Email, UserName};
use functions::routes::ROUTES;
use serde_json::Value;

fn description() -> Value {
    functions::api::openapi_document()
}

#[test]
fn stored_document_is_up_to_date() {
    let is_same = include_str!("../../../openapi.json") == openapi::openapi_json();
    assert!(is_same, "cargo run -p openapi writes openapi.json");
}

#[test]
fn every_route_is_described_with_its_errors() {
    let description = description();
    let mut described = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let route = (method.to_uppercase(), path.clone());
            let responses = operation["responses"].as_object().unwrap();
            for status in ["500", "503"] {
                assert!(responses.contains_key(status), "{route:?} {status}");
            }
            let signed_in = operation["security"] != Value::Array(Vec::new());
            let refresh =
                operation["operationId"] == "refresh" || operation["operationId"] == "login";
            assert_eq!(
                responses.contains_key("401"),
                signed_in || refresh,
                "{route:?}"
            );
            described.insert((route, signed_in));
        }
    }
    let routes = ROUTES.map(|route| {
        (
            (route.method.to_owned(), route.path.to_owned()),
            route.signed_in,
        )
    });
    assert_eq!(described, routes.into());
}

/// All values of a member with this name, wherever it is.
fn values<'a>(of: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match of {
        Value::Object(members) => {
            found.extend(members.get(name));
            members
                .values()
                .for_each(|value| values(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|value| values(value, name, found)),
        _ => {}
    }
}

#[test]
fn whatever_it_refers_to_is_there() {
    let description = description();
    let mut references = Vec::new();
    values(&description, "$ref", &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{pointer}");
    }
    let mut links = Vec::new();
    values(&description, "links", &mut links);
    assert!(links.len() >= 4);
    for link in links
        .iter()
        .flat_map(|links| links.as_object().unwrap().values())
    {
        let names: Vec<_> = ROUTES.iter().map(|route| route.name).collect();
        assert!(names.contains(&link["operationId"].as_str().unwrap()));
    }
}

#[test]
fn its_limits_are_those_of_the_domain() {
    let description = description();
    let schemas = &description["components"]["schemas"];
    for (schema, member, limit, value) in [
        ("NewUser", "first_name", "maxLength", UserName::MAX_CHARS),
        ("NewUser", "last_name", "maxLength", UserName::MAX_CHARS),
        ("NewUser", "email", "maxLength", Email::MAX_BYTES),
        ("Credentials", "email", "maxLength", Email::MAX_BYTES),
        ("NewUser", "password", "maxLength", Password::MAX_CHARS),
        (
            "PasswordChange",
            "new_password",
            "maxLength",
            Password::MAX_CHARS,
        ),
        ("FoodFields", "title", "maxLength", Title::MAX_CHARS),
        ("FoodForm", "title", "maxLength", Title::MAX_CHARS),
        ("Food", "title", "maxLength", Title::MAX_CHARS),
        (
            "FoodFields",
            "description",
            "maxLength",
            Description::MAX_CHARS,
        ),
        (
            "FoodForm",
            "description",
            "maxLength",
            Description::MAX_CHARS,
        ),
        ("Food", "description", "maxLength", Description::MAX_CHARS),
    ] {
        assert_eq!(
            schemas[schema]["properties"][member][limit], value,
            "{schema}.{member}"
        );
    }
    let parameter = |path: &str, method: &str, name: &str| {
        let parameters = description["paths"][path][method]["parameters"]
            .as_array()
            .unwrap();
        let found = parameters
            .iter()
            .find(|parameter| parameter["name"] == name);
        found.unwrap()["schema"].clone()
    };
    assert_eq!(parameter("/food", "get", "limit")["maximum"], PageSize::MAX);
    let key = parameter("/food", "post", "Idempotency-Key");
    assert_eq!(key["minLength"], IdempotencyKey::MIN_CHARS);
    assert_eq!(key["maxLength"], IdempotencyKey::MAX_CHARS);
}
