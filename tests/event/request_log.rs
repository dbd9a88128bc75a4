//! Telemetry of the binaries: one log line per invocation with its metrics, and trace propagation.

use serde_json::json;

use crate::event::recorded_fixture::{RecordedFixture, binary};
use test_support::Function;
use test_support::fixture::{ADA, ADAS_SESSION, Fixture, assert_no_secrets, event};
use test_support::log::{check_metrics, invocation_lines, lines};

const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
const X_RAY: &str = "Root=1-6a13f5b0-0123456789abcdef01234567";

/// Invokes a function with these events and the `extra` settings, and returns the log.
async fn log(name: &str, extra: &[(&str, &str)], events: &[String]) -> String {
    let fixture = Fixture::seeded().await;
    let mut settings = fixture.settings.clone();
    settings.retain(|(name, _)| extra.iter().all(|(other, _)| name != other));
    let extra = extra.iter();
    settings.extend(extra.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut running = Function::start(binary(name), &settings).await;
    for event in events {
        running.invoke(event).await;
    }
    running.into_log().await
}

#[tokio::test]
async fn each_request_writes_one_log_line() {
    let log = log("get_food", &[], &[event("get_food"), event("get_food")]).await;
    let lines = lines(&log);
    assert_eq!(lines.len(), 2, "{log}");
    for (line, is_cold) in lines.iter().zip([true, false]) {
        for (field, value) in [
            ("level", json!("INFO")),
            ("message", json!("GET /food/{food_id} 200")),
            ("requestId", json!(REQUEST_ID)),
            ("xray_trace_id", json!("1-6a13f5b0-0123456789abcdef01234567")),
            ("trace_id", json!("6a13f5b00123456789abcdef01234567")),
            ("faas.name", json!("function-under-test")),
            ("faas.coldstart", json!(is_cold)),
            ("http.request.method", json!("GET")),
            ("http.route", json!("/food/{food_id}")),
            ("http.response.status_code", json!(200)),
            ("requests", json!(1)),
        ] {
            assert_eq!(line[field], value, "{field}: {line}");
        }
        assert_eq!(line.get("cold_starts").is_some(), is_cold);
        assert!(line["duration_ms"].as_f64().is_some_and(|took| took > 0.0));
        assert_eq!(check_metrics(line), Ok(()), "{line}");
    }
}

#[tokio::test]
async fn request_log_line_has_the_user_id() {
    for (name, case) in [
        ("login", "login"),
        ("refresh", "refresh"),
        ("logout", "logout"),
        ("logout", "logout.by_refresh_token"),
    ] {
        let log = log(name, &[], &[event(case)]).await;
        assert_eq!(invocation_lines(&log)[0]["user.id"], ADA, "{name}: {log}");
    }
}

#[tokio::test]
async fn reused_refresh_token_is_logged_with_user_and_session() {
    let log = log("refresh", &[], &[event("refresh.reused_token")]).await;
    let line = &invocation_lines(&log)[0];
    for (field, value) in [
        ("error.type", json!("refresh_reused")),
        ("user.id", json!(ADA)),
        ("session.id", json!(ADAS_SESSION)),
        ("refresh_reused", json!(1)),
    ] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    assert_eq!(check_metrics(line), Ok(()), "{line}");
    assert_no_secrets(&log, "refresh");
}

#[tokio::test]
async fn failed_login_is_logged_with_digest_of_its_account() {
    let limits = [("LOGIN_ATTEMPTS_PER_ADDRESS", "2"), ("ATTEMPT_WINDOW_SECONDS", "86400")];
    let [known, unknown] = ["login.incorrect_password", "login.unknown_email"].map(event);
    let log = log("login", &limits, &[known, unknown.clone(), unknown]).await;
    assert_no_secrets(&log, "login");
    let lines = invocation_lines(&log);
    let fields = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    let codes = ["incorrect_password", "incorrect_password", "too_many_attempts"];
    assert_eq!(fields("error.type"), codes);
    assert_eq!(fields("logins_refused"), [json!(1), json!(1), json!(null)]);
    assert_eq!(fields("user.id"), [json!(ADA), json!(null), json!(null)]);
    let digests = fields("user.hash");
    assert!(digests.iter().all(|digest| digest.as_str().is_some_and(|hex| hex.len() == 16)));
    assert_ne!(digests[0], digests[1]);
    assert_eq!(digests[1], digests[2]);
}

#[tokio::test]
async fn log_level_error_suppresses_info_log_lines() {
    let level = [("AWS_LAMBDA_LOG_LEVEL", "ERROR")];
    assert_eq!(log("get_food", &level, &[event("get_food")]).await, "");
    let unavailable =
        [("AWS_LAMBDA_LOG_LEVEL", "ERROR"), ("TOKEN_STORE_URL", "redis://127.0.0.1:9")];
    let log = log("logout", &unavailable, &[event("logout")]).await;
    assert_eq!(invocation_lines(&log)[0]["level"], "ERROR", "{log}");
}

#[tokio::test]
async fn scheduled_function_logs_a_line_with_its_report() {
    let log = log("sweep_images", &[], &[json!({"source": "aws.events"}).to_string()]).await;
    let line = &invocation_lines(&log)[0];
    for (field, value) in [
        ("message", json!("done")),
        ("level", json!("INFO")),
        ("requestId", json!(REQUEST_ID)),
        ("faas.trigger", json!("timer")),
        ("faas.coldstart", json!(true)),
    ] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    assert!(line["report"]["listed"].is_u64(), "{line}");
}

#[tokio::test]
async fn training_logs_its_report_and_metrics_at_any_log_level() {
    let level = [("AWS_LAMBDA_LOG_LEVEL", "ERROR")];
    let log = log("train_recommendations", &level, &[event("train_recommendations")]).await;
    let line = &invocation_lines(&log)[0];
    assert_eq!(line["likes_drift"], 0, "{line}");
    assert_eq!(line["trained_lists"], 0, "{line}");
    assert_eq!(check_metrics(line), Ok(()), "{line}");
    for (field, value) in [("users", 3), ("foods", 3), ("drifted", 0), ("orphans", 0)] {
        assert_eq!(line["report"][field], value, "{field}: {line}");
    }
}

#[tokio::test]
async fn stream_function_logs_its_report_and_malformed_keys() {
    let log = log("update_recommendations", &[], &[event("update_recommendations")]).await;
    let lines = lines(&log);
    assert_eq!(lines.len(), 2, "{log}");
    assert_eq!(lines[0]["level"], "WARN", "{log}");
    assert_eq!(lines[0]["sequence_number"], "000000000000000000300", "{log}");
    assert_eq!(lines[1]["faas.trigger"], "datasource", "{log}");
    for (field, value) in [("records", 3), ("changes", 1), ("failed", 0)] {
        assert_eq!(lines[1]["report"][field], value, "{field}: {log}");
    }
}

#[tokio::test]
async fn stream_function_returns_an_error_if_the_first_record_fails() {
    let recorded = RecordedFixture::with(&[]).await;
    recorded.dynamodb.lose_responses_to("BatchGetItem");
    let mut running = recorded.start("update_recommendations").await;
    let error = running.try_invoke(&event("update_recommendations")).await.unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("unavailable"), "{error}");
    let log = running.into_log().await;
    let line = &invocation_lines(&log)[0];
    assert_eq!(line["level"], "ERROR", "{line}");
    assert_eq!(line["faas.trigger"], "datasource", "{line}");
}

/// The AWS SDK adds the `X-Amzn-Trace-Id` header but must not sign it, because proxies may change it.
#[tokio::test]
async fn dynamodb_and_s3_calls_carry_the_x_ray_trace_id() {
    let recorded = RecordedFixture::with(&[]).await;
    let calls = recorded.calls("create_food", &event("create_food"), 201).await;
    for name in ["PutObject", "TransactWriteItems", "GetItem"] {
        assert!(calls.iter().any(|call| call.operation == name), "{name}");
    }
    for call in calls {
        assert_eq!(call.trace.as_deref(), Some(X_RAY), "{call:?}");
        assert!(!call.signed_headers.contains("x-amzn-trace-id"), "{call:?}");
        assert!(call.signed_headers.contains("host"), "{call:?}");
    }
}
