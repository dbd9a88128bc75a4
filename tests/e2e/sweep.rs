//! The scheduled function that deletes orphaned images.

use std::time::{Duration, Instant};

use domain::testing::sample;
use functions::dependencies::Dependencies;
use functions::settings::Settings;
use serde_json::Value;

use crate::event::recorded_fixture::binary;
use test_support::Api;
use test_support::Function;
use test_support::client::text;
use test_support::fixture::event;

/// Runs the binary `sweep_images` once and returns its report. `min_age` is the minimum age of orphans in seconds.
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
async fn image_sweep_deletes_only_old_orphaned_images() {
    let (api, ada) = Api::with_member("ada").await;
    let food = api.share(&ada, "Jollof").await;
    let orphan = orphan();
    api.put_object(&orphan).await;
    api.put_object("foods/unknown-key.txt").await;

    // The default minimum age is a day.
    let recent = sweep(&api, "86400").await;
    assert_eq!(
        (&recent["listed"], &recent["skipped_recent"], &recent["removed"]),
        (&4.into(), &3.into(), &0.into())
    );
    let deadline = Instant::now() + Duration::from_mins(2);
    let mut removed = 0;
    while removed == 0 {
        assert!(Instant::now() < deadline);
        removed = sweep(&api, "1").await["removed"].as_u64().unwrap();
    }
    assert_eq!(removed, 1);
    let keys = api.keys("images").await;
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(!keys.contains(&orphan));
    let url = text(&food["food_image"]);
    assert_eq!(api.get(&url).send().await.status, 200);
}

#[tokio::test]
async fn image_sweep_reports_unavailable_s3_to_lambda() {
    let api = Api::start().await;
    let mut settings = api.local.environment().variables();
    settings.retain(|(name, _)| name != "AWS_ENDPOINT_URL_S3");
    settings.push(("AWS_ENDPOINT_URL_S3".to_owned(), "http://127.0.0.1:9".to_owned()));
    let mut running = Function::start(binary("sweep_images"), &settings).await;
    let result = running.try_invoke(&event("sweep_images")).await;
    let error = result.unwrap_err();
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("unavailable"), "{error}");
}

#[tokio::test]
async fn orphan_min_age_setting_must_be_a_positive_integer() {
    for invalid in ["0", "-1", "soon"] {
        let settings = [
            ("ORPHAN_MIN_AGE_SECONDS", invalid),
            ("AWS_REGION", "x"),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let dependencies = Dependencies::new(Settings::new(settings)).unwrap();
        let error = dependencies.orphan_min_age().unwrap_err();
        assert_eq!(error.name, "ORPHAN_MIN_AGE_SECONDS");
    }
}
