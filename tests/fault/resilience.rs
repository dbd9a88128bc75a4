//! Fault injection for some functions; `make test-slow` covers all functions.

use crate::fault::calls::SessionEngine;
use crate::fault::cases::{ALWAYS, ONCE, assert_survives};
use test_support::faults::Failure;

/// All ways in which a backend call can fail.
const FAILURES: [Failure; 6] = [
    Failure::Throttled,
    Failure::Refused,
    Failure::Silent,
    Failure::Late,
    Failure::Lost,
    Failure::Failed,
];

/// Returns each failure once and always.
fn once_and_always(failures: &[Failure]) -> Vec<(Failure, usize)> {
    let both = |failure: &Failure| [(*failure, ONCE), (*failure, ALWAYS)];
    failures.iter().flat_map(both).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn get_food_survives_each_failed_backend_call() {
    assert_survives(SessionEngine::DynamoDb, &["get_food"], &once_and_always(&FAILURES)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotent_sign_up_survives_lost_backend_responses() {
    let failures = once_and_always(&[Failure::Late, Failure::Lost]);
    let events = ["create_user.idempotent"];
    assert_survives(SessionEngine::DynamoDb, &events, &failures).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn likes_and_their_updates_survive_lost_backend_responses() {
    let events = ["like_food", "unlike_food", "update_recommendations"];
    assert_survives(SessionEngine::DynamoDb, &events, &once_and_always(&[Failure::Failed])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn token_refresh_survives_each_failed_call_to_redis() {
    assert_survives(SessionEngine::redis(), &["refresh"], &once_and_always(&FAILURES)).await;
}
