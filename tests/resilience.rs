//! A few functions survive the failure of every call; `make test-slow` fails those of all functions.

use crate::faults::{Store, survive};

#[tokio::test(flavor = "multi_thread")]
async fn functions_survive_failed_calls() {
    survive(Store::DynamoDb, &["get_food", "create_user.once"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_survive_failed_calls_to_redis() {
    survive(Store::redis(), &["refresh"]).await;
}
