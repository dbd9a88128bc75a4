//! The real binaries, each started as a process and answering its events.

use std::collections::BTreeSet;
use std::time::Duration;

use functions::routes::{FUNCTIONS, ROUTES};
use tokio::net::TcpListener;

use crate::events::{check, expected, function};
use crate::recorded::{BINARIES, binary};
use crate::support::runtime_api::Function;
use crate::support::scene::{Scene, assert_tells_nothing, event};

#[test]
fn there_is_one_binary_for_each_function() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.collect();
    let functions = FUNCTIONS.map(|function| format!("{}.rs", function.name));
    assert_eq!(files, functions.into());
}

#[tokio::test]
async fn every_binary_answers_its_events() {
    for (name, binary) in BINARIES {
        let scene = Scene::set().await;
        let mut running = Function::start(binary, &scene.settings).await;
        // Failures first: they leave the scene as it is. One process answers them all.
        let mut events = expected();
        events.retain(|(event, ..)| function(event) == name);
        events.sort_by_key(|(event, status, _)| (*status < 300, event.len()));
        for (case, status, body) in events {
            // Those that write cannot share a scene with others that do.
            let shares_no_scene = [
                "create_food.once",
                "create_food.upload",
                "create_food.upload_once",
                "update_food.upload",
                "create_user.once",
                "end_session.current",
                "end_sessions.all",
                "refresh.reused_token",
                "update_food.keeps_picture",
            ];
            if shares_no_scene.contains(&case) {
                let scene = Scene::set().await;
                let mut running = Function::start(binary, &scene.settings).await;
                check(case, &running.invoke(&event(case)).await, status, &body);
            } else {
                check(case, &running.invoke(&event(case)).await, status, &body);
            }
        }
        let log = running.log().await;
        assert_tells_nothing(&log, name);
    }
}

#[tokio::test]
async fn every_binary_answers_nonsense_with_a_400() {
    for route in ROUTES {
        let (name, binary) = (route.name, binary(route.name));
        let scene = Scene::set().await;
        let mut running = Function::start(binary, &scene.settings).await;
        let answer = running.invoke("{\"version\":\"2.0\"}").await;
        assert_eq!(answer["statusCode"], 400, "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_missing_setting_stops_each_binary_with_its_name() {
    let scene = Scene::set().await;
    for (binary, missing) in [
        ("create_user", "USERS_TABLE"),
        ("list_users", "AWS_REGION"),
        ("get_user", "AWS_SECRET_ACCESS_KEY"),
        ("change_password", "SESSIONS_TABLE"),
        ("delete_user", "IMAGES_BUCKET"),
        ("list_sessions", "ACCESS_SECRET"),
        ("end_session", "SESSIONS_TABLE"),
        ("end_sessions", "AWS_ACCESS_KEY_ID"),
        ("login", "REFRESH_SECRET"),
        ("logout", "ACCESS_SECRET"),
        ("refresh", "SESSIONS_TABLE"),
        ("create_food", "IMAGES_BUCKET"),
        ("create_image_upload", "IMAGES_BUCKET"),
        ("list_food", "FOODS_TABLE"),
        ("get_food", "IMAGE_BASE_URL"),
        ("update_food", "IMAGES_BUCKET"),
        ("delete_food", "FOODS_TABLE"),
        ("process_image", "FOODS_TABLE"),
        ("sweep_images", "IMAGES_BUCKET"),
    ] {
        let settings: Vec<_> = scene
            .settings
            .iter()
            .filter(|(name, _)| name != missing)
            .cloned()
            .collect();
        let path = self::binary(binary);
        let log = Function::start(path, &settings).await.failure().await;
        assert!(log.contains(missing), "{binary}: {log}");
    }
}

#[tokio::test]
async fn a_wrong_setting_stops_a_binary_with_its_name_and_without_its_value() {
    let scene = Scene::set().await;
    for (binary, name, value) in [
        ("create_user", "PASSWORD_MIN_LENGTH", "ninety"),
        ("login", "ACCESS_SECRET", "too-short-secret"),
        ("login", "ACCESS_TOKEN_TTL_SECONDS", "-15"),
        ("refresh", "REFRESH_SECRET_PREVIOUS", "too-short-secret"),
        ("logout", "TOKEN_STORE_URL", "http://user:hunter2@127.0.0.1"),
        ("create_food", "MAX_IMAGE_BYTES", "8MB"),
        ("get_food", "IMAGE_BASE_URL", "images.food.example"),
        ("get_food", "AWS_CA_BUNDLE", "/no/such/bundle.pem"),
        ("get_food", "METRICS_NAMESPACE", "two words"),
    ] {
        let mut settings = scene.settings.clone();
        settings.retain(|(other, _)| other != name);
        settings.push((name.to_owned(), value.to_owned()));
        let path = self::binary(binary);
        let log = Function::start(path, &settings).await.failure().await;
        assert!(log.contains(name), "{binary}: {log}");
        assert!(!log.contains(value), "{binary}: {log}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_a_503_and_the_log_says_why() {
    let scene = Scene::set().await;
    let mut settings = scene.settings.clone();
    settings.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
    // Port 9 is for discarding; nobody listens there.
    let nowhere = "http://127.0.0.1:9".to_owned();
    settings.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), nowhere));
    let mut running = Function::start(binary("get_food"), &settings).await;
    let answer = running.invoke(&event("get_food")).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!(answer["headers"]["retry-after"], "1");
    let body = answer["body"].as_str().unwrap();
    assert!(body.contains("unavailable") && !body.contains("127.0.0.1"));
    let log = running.log().await;
    assert!(log.contains("\"error.type\":\"unavailable\""), "{log}");
    assert!(
        log.contains("8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        "{log}"
    );
}

/// An engine that takes connections and never answers.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

#[tokio::test]
async fn a_function_that_would_be_cut_off_says_503_before_and_goes_on() {
    let scene = Scene::set().await;
    let (_listener, silent) = silent().await;
    let mut settings = scene.settings.clone();
    settings.retain(|(name, _)| name != "AWS_ENDPOINT_URL_S3");
    settings.push(("AWS_ENDPOINT_URL_S3".to_owned(), silent));
    let time = Duration::from_secs(3);
    let mut running = Function::with_time(binary("create_food"), &settings, time).await;
    let answer = running.invoke(&event("create_food")).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!(answer["headers"]["retry-after"], "1");
    let answer = running.invoke(&event("create_food.no_token")).await;
    assert_eq!(answer["statusCode"], 401, "{answer}");
    let log = running.log().await;
    assert!(log.contains("deadline has elapsed"), "{log}");
}
