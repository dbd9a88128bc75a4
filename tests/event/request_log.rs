//! What the functions tell of the events that they are given: one line each, metrics in it, and
//! traces that go on.

use serde_json::json;

use crate::event::recorded::{Recorded, binary};
use test_support::Function;
use test_support::fixture::{ADA, Fixture, event};
use test_support::log::{check_metrics, lines, told};

const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
const X_RAY: &str = "Root=1-6a13f5b0-0123456789abcdef01234567";

/// The log of a function that was given these events.
async fn log(name: &str, more: &[(&str, &str)], events: &[String]) -> String {
    let fixture = Fixture::set().await;
    let mut settings = fixture.settings.clone();
    settings.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
    let more = more.iter();
    settings.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut running = Function::start(binary(name), &settings).await;
    for event in events {
        running.invoke(event).await;
    }
    running.log().await
}

#[tokio::test]
async fn a_request_is_one_line() {
    let log = log("get_food", &[], &[event("get_food"), event("get_food")]).await;
    let lines = lines(&log);
    assert_eq!(lines.len(), 2, "{log}");
    for (line, is_cold) in lines.iter().zip([true, false]) {
        for (member, value) in [
            ("level", json!("INFO")),
            ("message", json!("GET /food/{food_id} 200")),
            ("requestId", json!(REQUEST_ID)),
            (
                "xray_trace_id",
                json!("1-6a13f5b0-0123456789abcdef01234567"),
            ),
            ("trace_id", json!("6a13f5b00123456789abcdef01234567")),
            ("faas.name", json!("function-under-test")),
            ("faas.coldstart", json!(is_cold)),
            ("http.request.method", json!("GET")),
            ("http.route", json!("/food/{food_id}")),
            ("http.response.status_code", json!(200)),
            ("requests", json!(1)),
        ] {
            assert_eq!(line[member], value, "{member}: {line}");
        }
        assert_eq!(line.get("cold_starts").is_some(), is_cold);
        assert!(line["duration_ms"].as_f64().is_some_and(|took| took > 0.0));
        assert_eq!(check_metrics(line), Ok(()), "{line}");
    }
}

#[tokio::test]
async fn who_is_signed_in_is_told_by_id() {
    for (name, case) in [
        ("login", "login"),
        ("refresh", "refresh"),
        ("logout", "logout"),
    ] {
        let log = log(name, &[], &[event(case)]).await;
        assert_eq!(told(&log)[0]["user.id"], ADA, "{name}: {log}");
    }
}

#[tokio::test]
async fn below_its_level_a_function_writes_nothing() {
    let level = [("AWS_LAMBDA_LOG_LEVEL", "ERROR")];
    assert_eq!(log("get_food", &level, &[event("get_food")]).await, "");
    let nowhere = [
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
        ("TOKEN_STORE_URL", "redis://127.0.0.1:9"),
    ];
    let log = log("logout", &nowhere, &[event("logout")]).await;
    assert_eq!(told(&log)[0]["level"], "ERROR", "{log}");
}

#[tokio::test]
async fn what_no_request_asks_for_is_told_likewise() {
    let log = log(
        "sweep_images",
        &[],
        &[json!({"source": "aws.events"}).to_string()],
    )
    .await;
    let line = &told(&log)[0];
    for (member, value) in [
        ("message", json!("done")),
        ("level", json!("INFO")),
        ("requestId", json!(REQUEST_ID)),
        ("faas.trigger", json!("timer")),
        ("faas.coldstart", json!(true)),
    ] {
        assert_eq!(line[member], value, "{member}: {line}");
    }
    assert!(line["report"]["listed"].is_u64(), "{line}");
}

/// The SDK does so by itself, and does not sign the header: on the way somebody may change it.
#[tokio::test]
async fn calls_to_dynamodb_and_s3_carry_the_trace_of_lambda() {
    let recorded = Recorded::scene(&[]).await;
    let mut running = recorded.start("create_food").await;
    let answer = running.invoke(&event("create_food")).await;
    assert_eq!(answer["statusCode"], 201, "{answer}");
    let calls = recorded.take();
    for part in ["PutObject", "TransactWriteItems", "GetItem"] {
        assert!(calls.iter().any(|call| call.operation == part), "{part}");
    }
    for call in calls {
        assert_eq!(call.trace.as_deref(), Some(X_RAY), "{call:?}");
        assert!(!call.signed.contains("x-amzn-trace-id"), "{call:?}");
        assert!(call.signed.contains("host"), "{call:?}");
    }
}
