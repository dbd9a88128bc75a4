//! The scheduled function that deletes images without a food.

use std::time::{Duration, Instant};

use domain::testing::sample;
use functions::dependencies::Dependencies;
use functions::settings::Settings;
use serde_json::Value;

use crate::event::recorded::binary;
use test_support::Api;
use test_support::Function;
use test_support::client::text;
use test_support::fixture::event;

/// Runs the function once, as a process.
async fn sweep(api: &Api, min_age: &str) -> Value {
    let mut settings = api.local.environment().variables();
    settings.push(("ORPHAN_MIN_AGE_SECONDS".to_owned(), min_age.to_owned()));
    let mut running = Function::start(binary("sweep_images"), &settings).await;
    running.invoke(&event("sweep_images")).await
}

fn orphan() -> String {
    let food = sample::food(&sample::public_user(sample::timestamp()));
    food.rendition_keys()[0].to_string()
}

#[tokio::test]
async fn only_old_orphans_are_deleted() {
    let api = Api::start().await;
    let ada = api.member("ada").await;
    let food = api.share(&ada, "Jollof").await;
    let orphan = orphan();
    api.put_object(&orphan).await;
    api.put_object("foods/of-somebody-else.txt").await;

    // By default a day has to pass.
    let young = sweep(&api, "86400").await;
    assert_eq!(
        (
            &young["listed"],
            &young["skipped_recent"],
            &young["removed"]
        ),
        (&4.into(), &3.into(), &0.into())
    );
    let patience = Instant::now() + Duration::from_mins(2);
    let mut removed = 0;
    while removed == 0 {
        assert!(Instant::now() < patience);
        removed = sweep(&api, "1").await["removed"].as_u64().unwrap();
    }
    assert_eq!(removed, 1);
    let kept = api.keys("images").await;
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(!kept.contains(&orphan));
    let url = text(&food["food_image"]);
    assert_eq!(api.get(&url).send().await.status, 200);
}

#[tokio::test]
async fn unavailable_store_is_reported_to_lambda() {
    let api = Api::start().await;
    let mut settings = api.local.environment().variables();
    settings.retain(|(name, _)| name != "AWS_ENDPOINT_URL_S3");
    settings.push((
        "AWS_ENDPOINT_URL_S3".to_owned(),
        "http://127.0.0.1:9".to_owned(),
    ));
    let mut running = Function::start(binary("sweep_images"), &settings).await;
    let error = running.fail(&event("sweep_images")).await;
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("unavailable"),
        "{error}"
    );
}

#[tokio::test]
async fn minimum_age_is_validated() {
    for wrong in ["0", "-1", "soon"] {
        let settings = [("ORPHAN_MIN_AGE_SECONDS", wrong), ("AWS_REGION", "x")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let more = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let more = more.map(|name| (name.to_owned(), "x".to_owned()));
        let setup = Dependencies::new(Settings::new(settings.into_iter().chain(more))).unwrap();
        let error = setup.orphan_min_age().unwrap_err();
        assert_eq!(error.name, "ORPHAN_MIN_AGE_SECONDS");
    }
}
