//! Least privilege: compares the IAM policy of each function in `template.yaml` with the calls that its
//! binary makes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use engines::Valkey;
use functions::routes::ROUTES;
use serde_json::Value;

use test_support::Client;
use test_support::fixture::{ADA, event};
use test_support::recorder::RecordedCall;
use test_support::template::{template, texts};

use crate::event::expected::{expected, function};
use crate::event::recorded_fixture::{RecordedFixture, eves_login};

/// The image whose type and length the event `create_image_upload` states.
const IMAGE: &[u8] = include_bytes!("../../events/jollof.jpg");

/// IAM permissions: pairs of an action and a resource, which has its logical id in `template.yaml`.
type Grants = BTreeSet<(String, String)>;

impl RecordedFixture {
    /// Returns the IAM permissions that these calls need, with the logical ids of the template as resources.
    fn grants(&self, calls: &[RecordedCall]) -> Grants {
        let names = [
            ("USERS_TABLE", "UsersTable"),
            ("FOODS_TABLE", "FoodsTable"),
            ("SESSIONS_TABLE", "SessionsTable"),
            ("IMAGES_BUCKET", "ImagesBucket"),
            ("UPLOADS_BUCKET", "UploadsBucket"),
        ];
        let logical = |resource: &str| {
            for (name, id) in names {
                if let Some(rest) = resource.strip_prefix(&self.setting(name)) {
                    return match (id, rest) {
                        ("UploadsBucket", key) if key.starts_with('/') => format!("{id}/*"),
                        (_, key) if key.starts_with("/foods/") => format!("{id}/foods/*"),
                        _ => format!("{id}{rest}"),
                    };
                }
            }
            panic!("{resource} is not in the template");
        };
        calls
            .iter()
            .flat_map(|call| &call.grants)
            .map(|(action, resource)| (action.clone(), logical(resource)))
            .collect()
    }
}

/// Returns the IAM permissions that the template grants to a function.
fn granted(permissions: &Value, name: &str) -> Grants {
    let statements = permissions[name].as_array().expect("statements");
    let mut grants = Grants::new();
    for statement in statements {
        for action in texts(&statement["actions"]) {
            for resource in texts(&statement["resources"]) {
                grants.insert((action.clone(), resource));
            }
        }
    }
    grants
}

/// Returns the IAM permissions that a function needs for its events and for failures that no event causes.
async fn needed(name: &str, settings: &[(&str, &str)]) -> Grants {
    let mut grants = Grants::new();
    for (event_name, status, _) in expected() {
        if function(event_name) != name {
            continue;
        }
        let recorded = RecordedFixture::with(settings).await;
        let response = recorded.start(name).await.invoke(&event(event_name)).await;
        assert_eq!(response["statusCode"], status, "{event_name}: {response}");
        if name == "create_image_upload" && status == 201 {
            upload_image(&response).await;
        }
        grants.extend(recorded.grants(&recorded.take()));
    }
    match name {
        "login" => {
            let recorded = RecordedFixture::with(settings).await;
            recorded.set_bcrypt_hash().await;
            let mut running = recorded.start(name).await;
            let response = running.invoke(&eves_login()).await;
            assert_eq!(response["statusCode"], 200, "{response}");
            grants.extend(recorded.grants(&recorded.take()));
            // Login deletes revoked sessions.
            let recorded = RecordedFixture::with(settings).await;
            recorded.revoke_sessions(ADA).await;
            let response = recorded.start(name).await.invoke(&self::event(name)).await;
            assert_eq!(response["statusCode"], 200, "{response}");
            grants.extend(recorded.grants(&recorded.take()));
        }
        // A lost response of the transaction, so the function reads the food to see whether it was saved.
        "create_food" => {
            let recorded = RecordedFixture::with(settings).await;
            recorded.dynamodb.lose_responses_to("TransactWriteItems");
            let mut running = recorded.start(name).await;
            let response = running.invoke(&event(name)).await;
            assert_eq!(response["statusCode"], 201, "{response}");
            grants.extend(recorded.grants(&recorded.take()));
        }
        _ => {}
    }
    grants
}

/// Uploads [`IMAGE`] with the presigned POST in a response of `create_image_upload`.
async fn upload_image(response: &Value) {
    let body: Value = serde_json::from_str(response["body"].as_str().expect("a body")).unwrap();
    let status = Client::new("").post_file(&body["upload"], IMAGE).await;
    assert_eq!(status, 204);
}

/// Returns the IAM permissions that `sweep_images` needs.
async fn needed_by_sweep(settings: &[(&str, &str)]) -> Grants {
    let settings = [settings, &[("ORPHAN_MIN_AGE_SECONDS", "1")]].concat();
    let recorded = RecordedFixture::with(&settings).await;
    recorded.add_orphans().await;
    let mut running = recorded.start("sweep_images").await;
    let mut grants = Grants::new();
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let report = running.invoke(&event("sweep_images")).await;
        grants.extend(recorded.grants(&recorded.take()));
        // Repeats until all orphans are old enough and removed.
        let counts = ["skipped_recent", "removed", "expired_uploads"];
        if counts.iter().all(|count| report[count] == 0) {
            return grants;
        }
        assert!(Instant::now() < deadline, "{report}");
    }
}

/// Asserts that the policy of each function grants all permissions that the function needs and no others.
/// `permissions` is the name of the file in `tests/template/`.
async fn assert_exact(permissions: &str, settings: &[(&str, &str)]) {
    let permissions = template(permissions);
    let mut all = vec![("sweep_images", needed_by_sweep(settings).await)];
    for route in ROUTES {
        all.push((route.name, needed(route.name, settings).await));
    }
    for (name, needed) in all {
        let granted = granted(&permissions, name);
        let missing: Vec<_> = needed.difference(&granted).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
        let unused: Vec<_> = granted.difference(&needed).collect();
        assert!(unused.is_empty(), "{name} does not use {unused:?}");
    }
}

#[tokio::test]
async fn iam_policy_grants_exactly_the_calls_that_are_made() {
    assert_exact("permissions", &[]).await;
}

#[tokio::test]
async fn iam_policy_with_redis_grants_exactly_the_calls_that_are_made() {
    let valkey = Valkey::start().expect("a Valkey or Redis server");
    let url = valkey.url();
    assert_exact("permissions.token-store", &[("TOKEN_STORE_URL", &url)]).await;
}
