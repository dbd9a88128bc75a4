//! What functions wait for: which calls go out at once, which never do, and how many connections
//! they take.

use std::time::Duration;

use functions::api::Api as Functions;
use functions::settings::Settings;
use serde_json::Value;

use crate::event::recorded::Recorded;
use test_support::fixture::{Fixture, event};
use test_support::recorder::Call;

/// Functions that read the session and something else at the same time.
const READS_TWO: [&str; 3] = ["create_food", "update_food", "delete_food"];

/// An event of a function, with another event's token.
fn event_with_token_of(name: &str, other: &str) -> String {
    let parse = |name| serde_json::from_str::<Value>(&event(name)).unwrap();
    let (mut event, mut other) = (parse(name), parse(other));
    let headers = event["headers"].as_object_mut().unwrap();
    headers.remove("authorization");
    if let Some(token) = other["headers"].get_mut("authorization") {
        headers.insert("authorization".to_owned(), token.take());
    }
    event.to_string()
}

fn is_session(call: &Call) -> bool {
    call.grants[0].1.contains("sessions")
}

#[tokio::test]
async fn the_session_is_checked_while_something_is_read_and_before_anything_is_written() {
    for name in READS_TWO {
        let recorded = Recorded::scene(&[]).await;
        recorded.dynamodb.hold_reads();
        let answer = recorded.start(name).await.invoke(&event(name)).await;
        assert!(answer["statusCode"].as_u64().unwrap() < 300, "{answer}");
        let calls = recorded.take();
        let (reads, writes): (Vec<_>, Vec<_>) =
            calls.iter().partition(|call| call.operation == "GetItem");
        let session = reads.iter().find(|call| is_session(call)).unwrap();
        assert_eq!(reads.len(), 2, "{name}: {calls:?}");
        assert!(!writes.is_empty());
        for write in writes {
            assert!(write.came > session.answered, "{name}: {write:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_read_for_a_token_that_is_not_ours_or_too_old() {
    for name in READS_TWO {
        for other in [
            "logout.no_token",
            "logout.foreign_secret",
            "logout.foreign_audience",
            "logout.expired_token",
            "logout.refresh_token",
        ] {
            let recorded = Recorded::scene(&[]).await;
            let event = event_with_token_of(name, other);
            let answer = recorded.start(name).await.invoke(&event).await;
            assert_eq!(answer["statusCode"], 401, "{name}, {other}: {answer}");
            let calls = recorded.take();
            assert!(calls.is_empty(), "{name}, {other}: {calls:?}");
        }
    }
}

#[tokio::test]
async fn for_a_request_that_is_wrong_only_the_session_is_read() {
    for (name, status) in [("create_food.not_a_form", 400), ("delete_food.bad_id", 400)] {
        let recorded = Recorded::scene(&[]).await;
        let function = crate::event::events::function(name);
        let answer = recorded.start(function).await.invoke(&event(name)).await;
        assert_eq!(answer["statusCode"], status, "{answer}");
        let calls = recorded.take();
        assert!(
            calls.len() == 1 && is_session(&calls[0]),
            "{name}: {calls:?}"
        );
    }
}

#[tokio::test]
async fn a_session_that_is_over_is_told_before_all_else() {
    for (name, instead) in [
        ("create_food", 500),
        ("update_food", 500),
        ("delete_food", 500),
        ("create_food.not_a_form", 400),
        ("update_food.not_found", 500),
        ("delete_food.bad_id", 400),
    ] {
        let fixture = Fixture::set().await;
        let mut settings = fixture.settings.clone();
        // What is read beside the session fails.
        for table in ["USERS_TABLE", "FOODS_TABLE"] {
            settings.retain(|(other, _)| other != table);
            settings.push((table.to_owned(), "no-such-table".to_owned()));
        }
        let functions = Functions::new(&Settings::new(settings)).unwrap();
        let invoke = async |name: &str| {
            let event = event_with_token_of(name, "logout");
            let answer = functions
                .invoke(crate::event::events::function(name), &event)
                .await;
            let answer: Value = serde_json::from_str(&answer.unwrap()).unwrap();
            answer["statusCode"].clone()
        };
        assert_eq!(invoke(name).await, instead, "{name}");
        assert_eq!(invoke("logout").await, 200);
        assert_eq!(invoke(name).await, 401, "{name}");
    }
}

#[tokio::test]
async fn a_process_keeps_its_connections() {
    for (name, to_dynamodb, to_s3) in [
        ("get_food", 1, 0),
        ("list_food", 1, 0),
        // What is read and both counters.
        ("login", 3, 0),
        // Two reads at once take two, and two renditions.
        ("update_food", 2, 2),
    ] {
        let recorded = Recorded::scene(&[]).await;
        if READS_TWO.contains(&name) {
            recorded.dynamodb.hold_reads();
        }
        let mut running = recorded.start(name).await;
        for _ in 0..4 {
            let answer = running.invoke(&event(name)).await;
            assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
        }
        assert_eq!(recorded.dynamodb.connections(), to_dynamodb, "{name}");
        assert_eq!(recorded.s3_proxy.connections(), to_s3, "{name}");
    }
}

/// Waits for it, but not for ever.
async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(2), waiting).await;
    waited.expect("it comes about in time");
}

#[tokio::test]
async fn a_process_connects_before_its_first_event() {
    let recorded = Recorded::scene(&[]).await;
    let _running = recorded.start("get_food").await;
    until(|| recorded.dynamodb.connections() == 1).await;
}

#[tokio::test]
async fn a_connection_for_the_image_is_begun_before_it_is_known_that_one_is_needed() {
    let recorded = Recorded::scene(&[]).await;
    let mut running = recorded.start("delete_food").await;
    let answer = running.invoke(&event("delete_food.not_found")).await;
    assert_eq!(answer["statusCode"], 404, "{answer}");
    until(|| recorded.s3_proxy.connections() == 1).await;
}
