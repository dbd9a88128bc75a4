//! A few functions survive failed calls; `make test-slow` fails those of all functions.

use crate::fault::cases::{FAILURES, Store, survive};
use test_support::faults::Failure;

#[tokio::test(flavor = "multi_thread")]
async fn read_survives_failed_calls() {
    survive(Store::DynamoDb, &["get_food"], &FAILURES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotent_write_survives_lost_responses() {
    let failures = [Failure::Late, Failure::Lost];
    survive(Store::DynamoDb, &["create_user.idempotent"], &failures).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_survives_failed_calls_to_redis() {
    survive(Store::redis(), &["refresh"], &FAILURES).await;
}
