//! Fault injection in every backend call of every function: thousands of cases, most of which wait for a
//! timeout.

use std::collections::BTreeSet;

use functions::routes::{ROUTES, WITHOUT_ROUTE};

use crate::fault::calls::{SessionEngine, calls_of};
use crate::fault::cases::{ALWAYS, IDEMPOTENT_EVENTS, ONCE, assert_survives};
use test_support::faults::Failure;

/// Each failure at least once or always: `resilience.rs` covers both of each for some functions.
const FAILURES: [(Failure, usize); 8] = [
    (Failure::Throttled, ONCE),
    (Failure::Refused, ALWAYS),
    (Failure::Silent, ONCE),
    (Failure::Silent, ALWAYS),
    (Failure::Late, ONCE),
    (Failure::Late, ALWAYS),
    (Failure::Lost, ONCE),
    (Failure::Failed, ALWAYS),
];

/// Events whose backend calls differ from those of their function's plain event: `login` is the plain event of
/// `login.bcrypt_hash`.
const EXTRA_EVENTS: [&str; 10] = [
    // The password has a bcrypt hash, which is replaced.
    "login.bcrypt_hash",
    // The failed attempt is settled.
    "login.incorrect_password",
    "refresh.reused_token",
    "revoke_session.current",
    "revoke_sessions.all",
    // The uploaded image is deleted.
    "create_food.unique_title",
    "update_food.keeps_image",
    "create_food.upload",
    "update_food.upload",
    // The likes of the food are deleted.
    "update_recommendations.deleted_food",
];

/// Events that are not repeated with Redis: they make no calls to Redis, or the same calls as another event.
const REDUNDANT_WITH_REDIS: [&str; 14] = [
    "list_users",
    "get_user",
    "list_food",
    "get_food",
    "list_user_food",
    "similar_food",
    "like_food",
    "unlike_food",
    "list_likes",
    "recommend",
    "update_recommendations.deleted_food",
    "login.bcrypt_hash",
    "create_food.unique_title",
    "update_food.keeps_image",
];

#[tokio::test]
async fn fault_test_of_sweep_images_covers_all_its_aws_calls() {
    let calls = calls_of(&SessionEngine::DynamoDb, "sweep_images").await;
    let operations: BTreeSet<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    let all = [
        "BatchGetItem",
        "DeleteItem",
        "DeleteObject",
        "GetItem",
        "ListBucket",
        "Query",
        "TransactWriteItems",
    ];
    assert_eq!(operations, BTreeSet::from(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_survives_each_failed_backend_call() {
    let routes = ROUTES.iter().map(|route| route.name);
    // The functions without a route first: their cases mostly wait, and CI uses the processors for other steps meanwhile.
    let events = WITHOUT_ROUTE.into_iter().chain(routes);
    let events: Vec<_> = events.chain(IDEMPOTENT_EVENTS).chain(EXTRA_EVENTS).collect();
    assert_survives(SessionEngine::DynamoDb, &events, &FAILURES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_with_redis_survives_each_failed_backend_call() {
    let routes = ROUTES.iter().map(|route| route.name);
    let events = routes.chain(IDEMPOTENT_EVENTS).chain(EXTRA_EVENTS);
    let events: Vec<_> = events.filter(|name| !REDUNDANT_WITH_REDIS.contains(name)).collect();
    assert_survives(SessionEngine::redis(), &events, &FAILURES).await;
}
