//! Fault injection for some functions; `make test-slow` covers all.

use crate::fault::calls::SessionEngine;
use crate::fault::cases::{FAILURES, assert_survives};
use test_support::faults::Failure;

#[tokio::test(flavor = "multi_thread")]
async fn get_food_survives_failed_calls() {
    assert_survives(SessionEngine::DynamoDb, &["get_food"], &FAILURES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotent_sign_up_survives_lost_responses() {
    let failures = [Failure::Late, Failure::Lost];
    let events = ["create_user.idempotent"];
    assert_survives(SessionEngine::DynamoDb, &events, &failures).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_survives_failed_calls_to_redis() {
    assert_survives(SessionEngine::redis(), &["refresh"], &FAILURES).await;
}
