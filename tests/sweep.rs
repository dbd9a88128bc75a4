//! The scheduled function that deletes images without a food.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::testing::sample;
use functions::settings::Settings;
use functions::setup::Setup;
use futures_util::future::{join, join_all};
use serde_json::Value;

use crate::recorded::binary;
use test_support::Function;
use test_support::client::text;
use test_support::fixture::event;
use test_support::{Api, Form, images};

const SOON: (&str, &str) = ("ORPHAN_MIN_AGE_SECONDS", "2");

/// Runs the function once, as a process. Lambda retries a failure: the S3 engine fails to list objects while others
/// are deleted.
async fn sweep(api: &Api, min_age: &str) -> Value {
    let mut settings = api.local.environment().variables();
    settings.push(("ORPHAN_MIN_AGE_SECONDS".to_owned(), min_age.to_owned()));
    let mut running = Function::start(binary("sweep_images"), &settings).await;
    for _ in 0..10 {
        match running.attempt(&event("sweep_images")).await {
            Ok(report) => return report,
            Err(error) => assert_eq!(error["errorMessage"], "the store is unavailable"),
        }
    }
    panic!("every attempt failed");
}

fn orphan() -> String {
    let food = sample::food(&sample::public_user(sample::moment()));
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
async fn sweeps_beside_traffic_delete_only_orphans() {
    let api = Api::with(&[SOON]).await;
    let ada = api.member("ada").await;
    for _ in 0..20 {
        api.put_object(&orphan()).await;
    }
    let is_over = AtomicBool::new(false);
    let patience = Instant::now() + Duration::from_mins(2);
    let removed = AtomicU64::new(0);
    // As long as it takes the sweeps to find all that was there before.
    let goes_on = || removed.load(Ordering::SeqCst) < 20 && Instant::now() < patience;
    let traffic = async {
        join_all((0..6).map(|client| {
            let (api, ada, goes_on) = (&api, &ada, &goes_on);
            async move {
                let mut nth = 0;
                while goes_on() {
                    nth += 1;
                    let food = api.share(ada, &format!("{client} {nth}")).await;
                    let path = format!("/food/{}", text(&food["id"]));
                    let form = Form::food(&format!("{client} {nth}!"));
                    let form = form.file("a.jpg", &images::jpeg());
                    let changed = api.put(&path).bearer(ada).form(form).send().await;
                    assert_eq!(changed.status, 200, "{}", changed.text());
                    if nth % 2 == 0 {
                        let gone = api.delete(&path).bearer(ada).send().await;
                        assert_eq!(gone.status, 200);
                    }
                    // One that is left behind.
                    if nth % 3 == 0 {
                        api.put_object(&orphan()).await;
                    }
                }
            }
        }))
        .await;
        is_over.store(true, Ordering::SeqCst);
    };
    let sweeps = async {
        while !is_over.load(Ordering::SeqCst) {
            let swept = sweep(&api, "2").await;
            assert_eq!(swept["failed"], 0, "{swept}");
            removed.fetch_add(swept["removed"].as_u64().unwrap(), Ordering::SeqCst);
        }
    };
    join(traffic, sweeps).await;
    assert!(removed.load(Ordering::SeqCst) >= 20, "{removed:?}");
    // Then what is left is what is shown.
    let patience = Instant::now() + Duration::from_mins(2);
    loop {
        let swept = sweep(&api, "2").await;
        if swept["skipped_recent"] == 0 && swept["removed"] == 0 {
            break;
        }
        assert!(Instant::now() < patience, "{swept}");
    }
    let mut shown = BTreeSet::new();
    let mut next = Some("/food".to_owned());
    while let Some(page) = next {
        let answer = api.get(&page).send().await;
        next = answer.next();
        for food in answer.json().as_array().unwrap() {
            let url = text(&food["food_image"]);
            assert_eq!(api.get(&url).send().await.status, 200, "{url}");
            let (_, key) = url.split_once("/images/").unwrap();
            shown.insert(key.rsplit_once('/').unwrap().0.to_owned());
        }
    }
    assert_eq!(api.stored_images().await, shown);
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
        let setup = Setup::new(Settings::new(settings.into_iter().chain(more))).unwrap();
        let error = setup.orphan_min_age().unwrap_err();
        assert_eq!(error.name, "ORPHAN_MIN_AGE_SECONDS");
    }
}
