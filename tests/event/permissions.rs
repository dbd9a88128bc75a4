//! Least privilege: compares the IAM policy of each function in `template.yaml` with the calls that its
//! binary makes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use engines::Valkey;
use functions::routes::ROUTES;
use serde::Deserialize;
use serde_json::{Value, json};

use test_support::Client;
use test_support::fixture::{ADA, FUFU, JOLLOF, event};
use test_support::recorder::{Grant, RecordedCall};
use test_support::template::template;

use crate::event::expected::{expected, function};
use crate::event::recorded_fixture::{RecordedFixture, eves_login};

/// The image whose type and length the event `create_image_upload` states.
const IMAGE: &[u8] = include_bytes!("../../events/jollof.jpg");

/// A statement of an IAM policy. Its resources are logical ids of the template.
#[derive(Debug, Deserialize)]
struct Statement {
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    /// Operators, condition keys and values.
    conditions: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Statement {
    fn allows(&self, grant: &Grant) -> bool {
        let mut conditions = self.conditions.iter().flat_map(|(operator, keys)| {
            keys.iter().map(move |(key, values)| (operator, key, values))
        });
        self.actions.contains(&grant.action)
            && self.resources.contains(&grant.resource)
            && conditions.all(|(operator, key, values)| match grant.context.get(key.as_str()) {
                Some(actual) => actual
                    .iter()
                    .all(|actual| values.iter().any(|value| matches(operator, value, actual))),
                None => operator.starts_with("ForAllValues:") || operator.ends_with("IfExists"),
            })
    }

    /// Returns the parts of the statement that none of these permissions needs: actions on resources, and
    /// patterns of keys and attributes.
    fn unused(&self, needed: &[Grant]) -> Vec<String> {
        let needed: Vec<_> = needed.iter().filter(|grant| self.allows(grant)).collect();
        let mut unused = Vec::new();
        for action in &self.actions {
            for resource in &self.resources {
                if !needed
                    .iter()
                    .any(|grant| grant.action == *action && grant.resource == *resource)
                {
                    unused.push(format!("{action} on {resource}"));
                }
            }
        }
        for (operator, keys) in &self.conditions {
            for (key, values) in keys.iter().filter(|_| operator.starts_with("ForAllValues:")) {
                let contexts = needed.iter().filter_map(|grant| grant.context.get(key.as_str()));
                let actual: BTreeSet<_> = contexts.flatten().collect();
                let unmatched = values
                    .iter()
                    .filter(|value| !actual.iter().any(|text| matches(operator, value, text)));
                unused.extend(unmatched.map(|value| format!("{key} {value} of {self:?}")));
            }
        }
        unused
    }
}

/// Returns whether the value of a condition matches a value of a request: a `StringLike` operator has wildcards.
fn matches(operator: &str, value: &str, actual: &str) -> bool {
    if operator.contains("StringLike") {
        is_like(value.as_bytes(), actual.as_bytes())
    } else {
        value == actual
    }
}

fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            is_like(rest, text)
                || text.split_first().is_some_and(|(_, text)| is_like(pattern, text))
        }
        ([b'?', pattern @ ..], [_, text @ ..]) => is_like(pattern, text),
        ([first, pattern @ ..], [byte, text @ ..]) => first == byte && is_like(pattern, text),
        _ => false,
    }
}

impl RecordedFixture {
    /// Returns the IAM permissions that these calls need, with the logical ids of the template as resources.
    fn grants(&self, calls: &[RecordedCall]) -> Vec<Grant> {
        let names = [
            ("USERS_TABLE", "UsersTable"),
            ("FOODS_TABLE", "FoodsTable"),
            ("SESSIONS_TABLE", "SessionsTable"),
            ("LIKES_TABLE", "LikesTable"),
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
        let grants = calls.iter().flat_map(|call| call.grants.clone());
        grants.map(|grant| Grant { resource: logical(&grant.resource), ..grant }).collect()
    }
}

/// Returns the statements of each function's policy. `permissions` is the name of the file in `tests/template/`.
fn policies(permissions: &str) -> BTreeMap<String, Vec<Statement>> {
    serde_json::from_value(template(permissions)).expect("policies")
}

/// Returns the IAM permissions that a function needs for its events and for failures that no event causes.
async fn needed(name: &str, settings: &[(&str, &str)]) -> Vec<Grant> {
    let mut grants = Vec::new();
    for (event_name, status, _) in expected() {
        if function(event_name) != name {
            continue;
        }
        let recorded = RecordedFixture::with(settings).await;
        // The function then reads the claims of the transaction and repeats it.
        recorded.dynamodb.reject_next_transaction();
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
            let calls = recorded.calls(name, &eves_login(), 200).await;
            grants.extend(recorded.grants(&calls));
            // Login deletes revoked sessions.
            let recorded = RecordedFixture::with(settings).await;
            recorded.revoke_sessions(ADA).await;
            let calls = recorded.calls(name, &event(name), 200).await;
            grants.extend(recorded.grants(&calls));
        }
        // A lost response of the transaction, so the function reads the food to see whether it was saved.
        "create_food" => {
            let recorded = RecordedFixture::with(settings).await;
            recorded.dynamodb.lose_responses_to("TransactWriteItems");
            let calls = recorded.calls(name, &event(name), 201).await;
            grants.extend(recorded.grants(&calls));
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
async fn needed_by_sweep(settings: &[(&str, &str)]) -> Vec<Grant> {
    let settings = [settings, &[("ORPHAN_MIN_AGE_SECONDS", "1")]].concat();
    let recorded = RecordedFixture::with(&settings).await;
    recorded.add_orphans().await;
    let mut running = recorded.start("sweep_images").await;
    let mut grants = Vec::new();
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

/// Returns the IAM permissions that `update_recommendations` needs: after changes that nothing was derived from yet, and
/// after a food was deleted.
async fn needed_by_stream(settings: &[(&str, &str)]) -> Vec<Grant> {
    let recorded = RecordedFixture::with(settings).await;
    let mut running = recorded.start("update_recommendations").await;
    recorded.remove_derived().await;
    let like = event("update_recommendations");
    running.invoke(&like).await;
    recorded.remove_liked_food().await;
    let keys = json!({"pk": {"S": format!("FOOD#{FUFU}")}});
    let deletion = json!({"Records": [{"dynamodb": {"Keys": keys, "SequenceNumber": "1"}}]});
    for event in [&deletion.to_string(), &like] {
        let response = running.invoke(event).await;
        assert_eq!(response, json!({"batchItemFailures": []}));
    }
    recorded.grants(&recorded.take())
}

/// Returns the IAM permissions that `train_recommendations` needs: after changes that nothing was derived from yet, and
/// after a food was deleted and a count was changed.
async fn needed_by_training(settings: &[(&str, &str)]) -> Vec<Grant> {
    let recorded = RecordedFixture::with(settings).await;
    let mut running = recorded.start("train_recommendations").await;
    recorded.remove_derived().await;
    let report = running.invoke(&event("train_recommendations")).await;
    assert_eq!(report["drifted"], 0, "{report}");
    recorded.remove_liked_food().await;
    recorded.add_to_count(JOLLOF).await;
    let report = running.invoke(&event("train_recommendations")).await;
    assert_eq!(report["drifted"], 1, "{report}");
    recorded.grants(&recorded.take())
}

/// Asserts that the policy of each function grants all permissions that the function needs and no others.
async fn assert_exact(permissions: &str, settings: &[(&str, &str)]) {
    let policies = policies(permissions);
    let mut all = vec![
        ("sweep_images", needed_by_sweep(settings).await),
        ("train_recommendations", needed_by_training(settings).await),
        ("update_recommendations", needed_by_stream(settings).await),
    ];
    for route in ROUTES {
        all.push((route.name, needed(route.name, settings).await));
    }
    for (name, needed) in all {
        let policy = &policies[name];
        let is_denied = |grant: &&Grant| !policy.iter().any(|statement| statement.allows(grant));
        let denied: Vec<_> = needed.iter().filter(is_denied).collect();
        assert!(denied.is_empty(), "{name} lacks {denied:#?}");
        let unused: Vec<_> =
            policy.iter().flat_map(|statement| statement.unused(&needed)).collect();
        assert!(unused.is_empty(), "{name} does not use {unused:#?}");
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

/// Asserts that the policy of a function denies a permission although it grants the action on the resource.
fn assert_denied_by_condition(name: &str, grant: &Grant) {
    let policy = &policies("permissions")[name];
    let without_context = Grant { context: BTreeMap::new(), ..grant.clone() };
    let allows = |grant| policy.iter().any(|statement: &Statement| statement.allows(grant));
    assert!(allows(&without_context), "{name} has no statement for {grant:?}");
    assert!(!allows(grant), "{name} may {grant:?}");
}

#[tokio::test]
async fn iam_conditions_deny_password_hashes_and_foreign_keys() {
    let recorded = RecordedFixture::with(&[]).await;
    let grants = recorded.grants(&recorded.calls("login", &event("login"), 200).await);
    let find = |action: &str, resource: &str, attribute: &str| {
        let mut grants = grants.iter().filter(|grant| {
            grant.context.get("dynamodb:Attributes").is_some_and(|names| names.contains(attribute))
        });
        grants.find(|grant| grant.action == action && grant.resource == resource).expect("a call")
    };
    let hash = find("dynamodb:GetItem", "UsersTable", "password_hash");
    for name in ["create_user", "get_user", "create_food", "delete_user"] {
        assert_denied_by_condition(name, hash);
        // Without a projection, DynamoDB returns the hash although the request does not name it.
        let mut all = hash.clone();
        all.context.insert("dynamodb:Attributes", BTreeSet::from(["pk".to_owned()]));
        all.context.insert("dynamodb:Select", BTreeSet::from(["ALL_ATTRIBUTES".to_owned()]));
        assert_denied_by_condition(name, &all);
    }
    let session = find("dynamodb:PutItem", "SessionsTable", "issued_at");
    for name in ["create_user", "create_food"] {
        assert_denied_by_condition(name, session);
    }
}
