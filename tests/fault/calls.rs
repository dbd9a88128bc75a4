//! The environment of a fault case: fixture, binary, backend calls, and the faults that proxies inject.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engines::Valkey;
use serde_json::{Value, json};

use crate::event::expected::{expected, function};
use crate::event::recorded_fixture::{RecordedFixture, eves_login};
use test_support::Function;
use test_support::faults::Faults;
use test_support::fixture::{FUFU, event};
use test_support::recorder::{Grant, RecordedCall};
use test_support::redis_proxy::RedisProxy;
use test_support::template::template;

/// The engine that stores the sessions in a fault case.
pub(crate) enum SessionEngine {
    DynamoDb,
    /// A Valkey or Redis server, and the number of its databases in use. Each fixture uses a new database.
    Redis(Valkey, AtomicUsize),
}

impl SessionEngine {
    pub(crate) fn redis() -> Self {
        let valkey = Valkey::start().expect("a Valkey or Redis server");
        Self::Redis(valkey, AtomicUsize::new(0))
    }

    /// Creates the fixture for an event, with the settings and data that this event needs.
    pub(super) async fn fixture(&self, event_name: &str) -> RecordedFixture {
        let url = match self {
            Self::DynamoDb => None,
            Self::Redis(valkey, databases) => {
                let database = databases.fetch_add(1, Ordering::Relaxed);
                assert!(database < Valkey::DATABASES, "no database is free");
                Some(format!("{}/{database}", valkey.url()))
            }
        };
        let mut settings = Vec::new();
        settings.extend(url.as_deref().map(|url| ("TOKEN_STORE_URL", url)));
        if event_name == "sweep_images" {
            settings.push(("ORPHAN_MIN_AGE_SECONDS", "1"));
        }
        let recorded = RecordedFixture::with(&settings).await;
        match event_name {
            "login.bcrypt_hash" => recorded.set_bcrypt_hash().await,
            "sweep_images" => {
                recorded.add_orphans().await;
                // Until all images are older than the minimum age.
                tokio::time::sleep(Duration::from_millis(2_100)).await;
            }
            "update_recommendations" => recorded.remove_derived().await,
            "update_recommendations.deleted_food" => recorded.remove_liked_food().await,
            "train_recommendations" => {
                recorded.remove_derived().await;
                recorded.remove_liked_food().await;
            }
            _ => {}
        }
        recorded
    }
}

/// A service that the functions call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Backend {
    DynamoDb,
    S3,
    Redis,
}

/// A backend call of a function: the `nth` (from 0) of this operation on this resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BackendCall {
    pub(super) backend: Backend,
    pub(crate) operation: String,
    /// The table name without the prefix of the fixture. `None` for S3 and Redis.
    pub(super) resource: Option<String>,
    pub(super) nth: usize,
}

fn take_calls(recorded: &RecordedFixture) -> Vec<BackendCall> {
    let prefix = table_prefix(recorded);
    let aws_call = |call: RecordedCall| {
        let Grant { action, resource, .. } = &call.grants[0];
        // The keys of S3 differ between fixtures, and so do the prefixes of tables.
        if action.starts_with("s3:") {
            (Backend::S3, call.operation, None)
        } else {
            let resource = resource.replace(&prefix, "");
            (Backend::DynamoDb, call.operation, Some(resource))
        }
    };
    let mut calls: Vec<_> = recorded.take().into_iter().map(aws_call).collect();
    let redis = recorded.redis.iter().flat_map(RedisProxy::take);
    calls.extend(redis.map(|operation| (Backend::Redis, operation, None)));
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    let numbered = calls.into_iter().map(|call| {
        let count = counts.entry(call.clone()).or_default();
        let nth = *count;
        *count += 1;
        let (backend, operation, resource) = call;
        BackendCall { backend, operation, resource, nth }
    });
    numbered.collect()
}

/// Returns the prefix of the table names of a fixture.
pub(super) fn table_prefix(recorded: &RecordedFixture) -> String {
    let users = recorded.setting("USERS_TABLE");
    users.strip_suffix("users").expect("a prefix").to_owned()
}

/// Returns the HTTP status of a response. A failed or incomplete run of a function without a route counts as 503, a
/// successful run as 200.
pub(super) fn status(result: &Result<Value, Value>) -> u64 {
    match result {
        Ok(report) if report["failed"].as_u64() > Some(0) => 503,
        Ok(batch) if batch["batchItemFailures"].as_array().is_some_and(|it| !it.is_empty()) => 503,
        Ok(response) => response["statusCode"].as_u64().unwrap_or(200),
        Err(_) => 503,
    }
}

/// Returns the HTTP status of the response to an event if no call fails. 200 for scheduled functions.
pub(super) fn expected_status(event_name: &str) -> u64 {
    let expected = expected();
    let expected = expected.iter().find(|(name, ..)| *name == event_name);
    expected.map_or(200, |(_, status, _)| (*status).into())
}

pub(super) fn payload(event_name: &str) -> String {
    match event_name {
        "login.bcrypt_hash" => eves_login(),
        "update_recommendations.deleted_food" => deleted_food(),
        name => event(name),
    }
}

/// Returns the event of the change of a food instead of a like.
fn deleted_food() -> String {
    let mut event: Value = serde_json::from_str(&event("update_recommendations")).expect("JSON");
    event["Records"][0]["dynamodb"]["Keys"] = json!({"pk": {"S": format!("FOOD#{FUFU}")}});
    event.to_string()
}

/// Starts the function that handles an event, with the timeout that `template.yaml` sets for the function.
pub(super) async fn start(recorded: &RecordedFixture, event_name: &str) -> Function {
    let name = function(event_name);
    let seconds = template("functions")[name]["timeout"].as_u64();
    let timeout = Duration::from_secs(seconds.expect("a timeout"));
    recorded.start_with_timeout(name, timeout).await
}

/// Returns the faults that the proxy in front of this backend injects.
pub(super) fn faults(recorded: &RecordedFixture, backend: Backend) -> &Faults {
    match backend {
        Backend::DynamoDb => recorded.dynamodb.faults(),
        Backend::S3 => recorded.s3_proxy.faults(),
        Backend::Redis => recorded.redis.as_ref().expect("a proxy").faults(),
    }
}

pub(super) fn all_faults(recorded: &RecordedFixture) -> Vec<&Faults> {
    let mut all = vec![recorded.dynamodb.faults(), recorded.s3_proxy.faults()];
    all.extend(recorded.redis.as_ref().map(RedisProxy::faults));
    all
}

/// Invokes the function of an event without an injected fault, and returns the backend calls.
pub(crate) async fn calls_of(engine: &SessionEngine, event_name: &str) -> Vec<BackendCall> {
    let recorded = engine.fixture(event_name).await;
    let mut running = start(&recorded, event_name).await;
    let result = running.try_invoke(&payload(event_name)).await;
    let expected = expected_status(event_name);
    assert_eq!(status(&result), expected, "{event_name}: {result:?}");
    take_calls(&recorded)
}
