//! Round trips of the binaries: concurrent calls, calls that must not happen, and connection reuse.

use std::time::Duration;

use functions::api::Api as Functions;
use functions::settings::Settings;
use serde_json::Value;

use crate::event::recorded_fixture::RecordedFixture;
use test_support::fixture::{Fixture, event};
use test_support::recorder::RecordedCall;

/// Functions that read the session and another item from `DynamoDB` concurrently.
const CONCURRENT_READERS: [&str; 5] =
    ["create_food", "update_food", "delete_food", "like_food", "unlike_food"];

/// Returns the event `name` with the access token of the event `other`.
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

fn is_session(call: &RecordedCall) -> bool {
    call.grants[0].resource.contains("sessions")
}

#[tokio::test]
async fn session_check_overlaps_reads_and_precedes_writes() {
    for name in CONCURRENT_READERS {
        let recorded = RecordedFixture::with(&[]).await;
        recorded.dynamodb.require_concurrent_reads();
        let response = recorded.start(name).await.invoke(&event(name)).await;
        assert!(response["statusCode"].as_u64().unwrap() < 300, "{response}");
        let calls = recorded.take();
        let (reads, writes): (Vec<_>, Vec<_>) =
            calls.iter().partition(|call| call.operation.ends_with("GetItem"));
        let session = reads.iter().find(|call| is_session(call)).unwrap();
        assert_eq!(reads.len(), 2, "{name}: {calls:?}");
        assert!(!writes.is_empty());
        for write in writes {
            assert!(write.started_at > session.finished_at, "{name}: {write:?}");
        }
    }
}

#[tokio::test]
async fn request_with_invalid_token_makes_no_backend_call() {
    for name in CONCURRENT_READERS {
        for other in [
            "logout.no_token",
            "logout.foreign_secret",
            "logout.foreign_audience",
            "logout.expired_token",
            "logout.refresh_token",
        ] {
            let recorded = RecordedFixture::with(&[]).await;
            let event = event_with_token_of(name, other);
            let calls = recorded.calls(name, &event, 401).await;
            assert!(calls.is_empty(), "{name}, {other}: {calls:?}");
        }
    }
}

#[tokio::test]
async fn invalid_request_reads_only_the_session() {
    for (name, status) in [("create_food.not_a_form", 415), ("delete_food.bad_id", 400)] {
        let recorded = RecordedFixture::with(&[]).await;
        let function = crate::event::expected::function(name);
        let calls = recorded.calls(function, &event(name), status).await;
        let is_expected = calls.len() == 1 && is_session(&calls[0]);
        assert!(is_expected, "{name}: {calls:?}");
    }
}

#[tokio::test]
async fn revoked_session_is_401_even_with_bad_input_or_failed_read() {
    for (name, other_error) in [
        ("create_food", 500),
        ("update_food", 500),
        ("delete_food", 500),
        ("like_food", 500),
        ("unlike_food", 500),
        ("recommend", 500),
        ("get_food.liked", 500),
        ("like_food.bad_id", 400),
        ("create_food.not_a_form", 415),
        ("update_food.not_found", 500),
        ("delete_food.bad_id", 400),
    ] {
        let fixture = Fixture::seeded().await;
        // All calls to the table of foods fail.
        let settings = fixture.settings_with(&[("FOODS_TABLE", "no-such-table")]);
        let functions = Functions::new(&Settings::new(settings)).unwrap();
        let invoke = async |name: &str| {
            let event = event_with_token_of(name, "logout");
            let response = functions.invoke(crate::event::expected::function(name), &event).await;
            let response: Value = serde_json::from_str(&response.unwrap()).unwrap();
            response["statusCode"].clone()
        };
        assert_eq!(invoke(name).await, other_error, "{name}");
        assert_eq!(invoke("logout").await, 200);
        assert_eq!(invoke(name).await, 401, "{name}");
    }
}

#[tokio::test]
async fn function_reuses_its_connections_across_events() {
    for (name, to_dynamodb, to_s3) in [
        // The food and its likes, concurrently.
        ("get_food", 2, 0),
        ("list_food", 1, 0),
        // The user and two rate limit counters, concurrently.
        ("login", 3, 0),
        // Two concurrent reads, and two concurrent uploads of renditions.
        ("update_food", 2, 2),
    ] {
        let recorded = RecordedFixture::with(&[]).await;
        if CONCURRENT_READERS.contains(&name) {
            recorded.dynamodb.require_concurrent_reads();
        }
        let mut running = recorded.start(name).await;
        for _ in 0..4 {
            let response = running.invoke(&event(name)).await;
            assert_eq!(response["statusCode"], 200, "{name}: {response}");
        }
        assert_eq!(recorded.dynamodb.connections(), to_dynamodb, "{name}");
        assert_eq!(recorded.s3_proxy.connections(), to_s3, "{name}");
    }
}

#[tokio::test]
async fn lists_that_are_equal_for_all_users_are_cached() {
    for (name, path) in [("recommend", "recommend.anonymous"), ("similar_food", "similar_food")] {
        let recorded = RecordedFixture::with(&[]).await;
        let mut running = recorded.start(name).await;
        let mut batches = Vec::new();
        for _ in 0..3 {
            let response = running.invoke(&event(path)).await;
            assert_eq!(response["statusCode"], 200, "{name}: {response}");
            let calls = recorded.take();
            let batch = calls.iter().filter(|call| call.operation.ends_with("BatchGetItem"));
            batches.push(batch.count());
        }
        assert_eq!(batches, [batches[0], batches[0] - 1, batches[0] - 1], "{name}");
    }
}

/// Waits until the condition is true. Panics after two minutes.
async fn wait_until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(2), waiting).await;
    waited.expect("the condition in time");
}

#[tokio::test]
async fn function_connects_to_dynamodb_before_its_first_event() {
    let recorded = RecordedFixture::with(&[]).await;
    let _running = recorded.start("get_food").await;
    wait_until(|| recorded.dynamodb.connections() == 1).await;
}

#[tokio::test]
async fn delete_food_preconnects_to_s3_before_reading_the_food() {
    let recorded = RecordedFixture::with(&[]).await;
    let mut running = recorded.start("delete_food").await;
    let response = running.invoke(&event("delete_food.not_found")).await;
    assert_eq!(response["statusCode"], 404, "{response}");
    wait_until(|| recorded.s3_proxy.connections() == 1).await;
}
