//! The handlers, each given its events without a process.

use std::collections::BTreeSet;

use functions::api::Api;
use functions::routes::{ROUTES, WITHOUT_ROUTE};
use functions::settings::Settings;
use serde_json::Value;

use crate::event::events::{BRING_THEIR_ANSWERS, check, expected, function};
use test_support::fixture::{Fixture, event, folder};

#[tokio::test]
async fn every_event_is_answered_as_expected() {
    for (name, status, body) in expected() {
        let fixture = Fixture::set().await;
        let api = Api::new(&Settings::new(fixture.settings.clone())).unwrap();
        let answer = api.invoke(function(name), &event(name)).await.unwrap();
        check(name, &serde_json::from_str(&answer).unwrap(), status, &body);
    }
}

#[test]
fn every_event_file_is_expected_and_every_route_has_a_success_and_a_failure() {
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| !WITHOUT_ROUTE.contains(&function(name)))
        .collect();
    let expected = expected();
    let named: BTreeSet<String> = expected
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    assert_eq!(files, named);
    for route in ROUTES {
        let statuses: Vec<u16> = expected
            .iter()
            .filter(|(name, ..)| function(name) == route.name)
            .map(|(_, status, _)| *status)
            .collect();
        assert!(
            statuses.iter().any(|status| *status < 300),
            "{}",
            route.name
        );
        assert!(
            BRING_THEIR_ANSWERS.contains(&route.name)
                || statuses.iter().any(|status| *status >= 400),
            "{}",
            route.name
        );
    }
}

#[test]
fn every_event_is_for_the_route_of_its_function() {
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
