//! Each function may do what it does, and nothing else: its policy in `template.yaml` against the
//! calls that the real binary makes while it answers its events.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use engines::Valkey;
use functions::routes::ROUTES;
use serde_json::Value;

use test_support::Client;
use test_support::fixture::event;
use test_support::recorder::Call;
use test_support::template::{template, texts};

use crate::event::events::{expected, function};
use crate::event::recorded::{Recorded, eves_login};

/// What the upload of the events says it is.
const IMAGE: &[u8] = include_bytes!("../../events/jollof.jpg");

/// An action and a resource, the latter by its logical id.
type Grants = BTreeSet<(String, String)>;

impl Recorded {
    /// What the calls need to be allowed, by the logical ids of the template.
    fn grants(&self, calls: &[Call]) -> Grants {
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
            panic!("{resource} is none of ours");
        };
        calls
            .iter()
            .flat_map(|call| &call.grants)
            .map(|(action, resource)| (action.clone(), logical(resource)))
            .collect()
    }
}

/// What the function may do, as the template says.
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

/// All that the function does while it answers all its events, and in the cases that no event
/// leads to.
async fn done(name: &str, more: &[(&str, &str)]) -> Grants {
    let mut grants = Grants::new();
    for (event_name, status, _) in expected() {
        if function(event_name) != name {
            continue;
        }
        let recorded = Recorded::scene(more).await;
        let answer = recorded.start(name).await.invoke(&event(event_name)).await;
        assert_eq!(answer["statusCode"], status, "{event_name}: {answer}");
        if name == "create_image_upload" && status == 201 {
            post_as_told(&answer).await;
        }
        grants.extend(recorded.grants(&recorded.take()));
    }
    match name {
        "login" => {
            let recorded = Recorded::scene(more).await;
            recorded.migrate_eve().await;
            let mut running = recorded.start(name).await;
            let answer = running.invoke(&eves_login()).await;
            assert_eq!(answer["statusCode"], 200, "{answer}");
            grants.extend(recorded.grants(&recorded.take()));
            // Is the password still the one that was compared? Nobody can tell: no session is left.
            let recorded = Recorded::scene(more).await;
            recorded.dynamodb.lose_answers_after("GetItem", 2);
            let answer = recorded.start(name).await.invoke(&self::event(name)).await;
            assert_eq!(answer["statusCode"], 503, "{answer}");
            grants.extend(recorded.grants(&recorded.take()));
        }
        // Did the save happen whose answer was lost?
        "create_food" => {
            let recorded = Recorded::scene(more).await;
            recorded.dynamodb.lose_answers_to("TransactWriteItems");
            let mut running = recorded.start(name).await;
            let answer = running.invoke(&event(name)).await;
            assert_eq!(answer["statusCode"], 201, "{answer}");
            grants.extend(recorded.grants(&recorded.take()));
        }
        _ => {}
    }
    grants
}

/// Uploads with the presigned POST, as the client does.
async fn post_as_told(response: &Value) {
    let body: Value = serde_json::from_str(response["body"].as_str().expect("a body")).unwrap();
    let status = Client::new("").post_file(&body["upload"], IMAGE).await;
    assert_eq!(status, 204);
}

/// All that the scheduled function does.
async fn swept(more: &[(&str, &str)]) -> Grants {
    let settings = [more, &[("ORPHAN_MIN_AGE_SECONDS", "1")]].concat();
    let recorded = Recorded::scene(&settings).await;
    recorded.leave_behind().await;
    let mut running = recorded.start("sweep_images").await;
    let mut grants = Grants::new();
    let patience = Instant::now() + Duration::from_mins(2);
    loop {
        let report = running.invoke(&event("sweep_images")).await;
        grants.extend(recorded.grants(&recorded.take()));
        // Until the images are old enough to be looked at.
        let done = ["skipped_recent", "removed", "expired_uploads"];
        if done.iter().all(|count| report[count] == 0) {
            return grants;
        }
        assert!(Instant::now() < patience, "{report}");
    }
}

async fn assert_exact(permissions: &str, more: &[(&str, &str)]) {
    let permissions = template(permissions);
    let mut all = vec![("sweep_images", swept(more).await)];
    for route in ROUTES {
        all.push((route.name, done(route.name, more).await));
    }
    for (name, done) in all {
        let granted = granted(&permissions, name);
        let refused: Vec<_> = done.difference(&granted).collect();
        assert!(refused.is_empty(), "{name} does {refused:?}");
        let unused: Vec<_> = granted.difference(&done).collect();
        assert!(unused.is_empty(), "{name} never does {unused:?}");
    }
}

#[tokio::test]
async fn each_function_is_granted_what_it_does_and_nothing_else() {
    assert_exact("permissions", &[]).await;
}

#[tokio::test]
async fn the_same_holds_with_sessions_on_a_server_of_their_own() {
    let valkey = Valkey::start().expect("a Valkey or Redis server");
    let url = valkey.url();
    assert_exact("permissions.token-store", &[("TOKEN_STORE_URL", &url)]).await;
}
