//! The binaries of the functions as processes: responses to events, startup errors and timeouts.

use std::collections::BTreeSet;
use std::time::Duration;

use functions::routes::{FUNCTIONS, WITHOUT_ROUTE};
use serde_json::json;
use test_support::Function;
use test_support::fixture::{Fixture, assert_no_secrets, event};
use test_support::server::Server;

use crate::event::expected::{check, expected, function};
use crate::event::recorded_fixture::{BINARIES, binary};

#[test]
fn each_function_has_one_binary() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.collect();
    let functions = FUNCTIONS.map(|function| format!("{}.rs", function.name));
    assert_eq!(files, functions.into());
}

#[tokio::test]
async fn each_binary_returns_the_expected_response_to_each_event() {
    for (name, binary) in BINARIES {
        let fixture = Fixture::seeded().await;
        let mut running = Function::start(binary, &fixture.settings).await;
        // Failures first, as they do not change the fixture. One process handles all events.
        let mut events = expected();
        events.retain(|(event, ..)| function(event) == name);
        events.sort_by_key(|(event, status, _)| (*status < 300, event.len()));
        for (case, status, body) in events {
            // Events that write the same items cannot share a fixture.
            let needs_own_fixture = [
                "create_food.idempotent",
                "create_food.upload",
                "create_food.upload_idempotent",
                "update_food.upload",
                "create_user.idempotent",
                "revoke_session.current",
                "revoke_sessions.all",
                "refresh.reused_token",
                "update_food.keeps_image",
            ];
            if needs_own_fixture.contains(&case) {
                let fixture = Fixture::seeded().await;
                let mut running = Function::start(binary, &fixture.settings).await;
                check(case, &running.invoke(&event(case)).await, status, &body);
            } else {
                check(case, &running.invoke(&event(case)).await, status, &body);
            }
            println!("{case}: {status}"); // for .ci/arm64
        }
        if WITHOUT_ROUTE.contains(&name) {
            let response = running.invoke(&event(name)).await;
            let (member, success) = match name {
                "sweep_images" => ("failed", json!(0)),
                "train_recommendations" => ("drifted", json!(0)),
                _ => ("batchItemFailures", json!([])),
            };
            assert_eq!(response[member], success, "{name}: {response}");
            println!("{name}: success");
        } else {
            let response = running.invoke("{\"version\":\"2.0\"}").await;
            assert_eq!(response["statusCode"], 400, "{name}: {response}");
        }
        assert_no_secrets(&running.into_log().await, name);
    }
}

#[tokio::test]
async fn startup_error_names_the_missing_or_invalid_setting() {
    let fixture = Fixture::seeded().await;
    for (binary, name, value) in [
        ("create_user", "USERS_TABLE", None),
        ("get_user", "AWS_SECRET_ACCESS_KEY", None),
        ("sweep_images", "IMAGES_BUCKET", None),
        ("create_user", "PASSWORD_MIN_LENGTH", Some("ninety")),
        ("change_password", "PASSWORD_MIN_LENGTH", Some("0000000007")),
        ("login", "ACCESS_SECRET", Some("too-short-secret")),
        ("login", "ACCESS_TOKEN_TTL_SECONDS", Some("-15")),
        ("refresh", "SESSION_MAX_SECONDS", Some("604799")),
        ("logout", "TOKEN_STORE_URL", Some("http://user:hunter2@127.0.0.1")),
        ("create_food", "MAX_IMAGE_BYTES", Some("8MB")),
        ("get_food", "IMAGE_BASE_URL", Some("images.food.example")),
        ("get_food", "AWS_CA_BUNDLE", Some("/no/such/bundle.pem")),
    ] {
        let mut settings = fixture.settings.clone();
        settings.retain(|(other, _)| other != name);
        settings.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        let path = self::binary(binary);
        let log = Function::start(path, &settings).await.wait_for_failure().await;
        assert!(log.contains(name), "{binary}: {log}");
        let is_logged = value.is_some_and(|value| log.contains(value));
        assert!(!is_logged, "{binary}: {log}");
    }
}

#[tokio::test]
async fn function_returns_503_before_lambda_timeout_and_keeps_running() {
    let fixture = Fixture::seeded().await;
    // A server that accepts connections and never responds.
    let silent = Server::start(|_| std::future::pending()).await;
    let settings = fixture.settings_with(&[("AWS_ENDPOINT_URL_S3", &silent.url())]);
    let timeout = Duration::from_secs(3);
    let mut running = Function::start_with_timeout(binary("create_food"), &settings, timeout).await;
    let response = running.invoke(&event("create_food")).await;
    assert_eq!(response["statusCode"], 503, "{response}");
    assert_eq!(response["headers"]["retry-after"], "1");
    let response = running.invoke(&event("create_food.no_token")).await;
    assert_eq!(response["statusCode"], 401, "{response}");
    let log = running.into_log().await;
    assert!(log.contains("deadline has elapsed"), "{log}");
}
