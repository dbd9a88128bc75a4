//! The handlers, called in the test process: responses to events, and coverage of the event files.

use std::collections::BTreeSet;

use functions::routes::{ROUTES, WITHOUT_ROUTE};
use serde_json::Value;

use crate::event::expected::{STATIC_RESPONSES, check, expected, function};
use test_support::fixture::{Fixture, event, folder};

#[tokio::test]
async fn each_handler_returns_the_expected_response_to_each_event() {
    for (name, status, body) in expected() {
        let fixture = Fixture::seeded().await;
        let response = fixture.functions().invoke(function(name), &event(name)).await.unwrap();
        check(name, &serde_json::from_str(&response).unwrap(), status, &body);
    }
}

#[test]
fn each_event_file_has_an_expected_response() {
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| !WITHOUT_ROUTE.contains(&function(name)))
        .collect();
    let expected = expected().into_iter();
    assert_eq!(files, expected.map(|(name, ..)| name.to_owned()).collect());
}

#[test]
fn each_route_has_event_files_for_success_and_failure() {
    let expected = expected();
    for route in ROUTES {
        let statuses: Vec<u16> = expected
            .iter()
            .filter(|(name, ..)| function(name) == route.name)
            .map(|(_, status, _)| *status)
            .collect();
        let name = route.name;
        let has_failure = statuses.iter().any(|status| *status >= 400);
        assert!(statuses.iter().any(|status| *status < 300), "{name}");
        assert!(has_failure || STATIC_RESPONSES.contains(&name), "{name}");
    }
}

#[test]
fn event_route_matches_the_function_in_its_file_name() {
    for (name, ..) in expected() {
        let event: Value = serde_json::from_str(&event(name)).unwrap();
        let route = ROUTES.iter().find(|route| route.name == function(name));
        let route = route.expect("a route");
        let key = format!("{} {}", route.method, route.path);
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["routeKey"], key, "{name}");
        assert_eq!(event["requestContext"]["http"]["method"], route.method);
    }
}
