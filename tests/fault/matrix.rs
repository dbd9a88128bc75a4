//! Every function survives the failure of every call: thousands of cases, most of which wait for a timeout.

use std::collections::BTreeSet;

use functions::routes::{ROUTES, WITHOUT_ROUTE};

use crate::fault::cases::{FAILURES, Store, WITH_KEYS, calls_of, survive};

/// Beside the routes: what leads to other calls than the success does.
const OTHER_WAYS: [&str; 9] = [
    // The password is kept as before the migration.
    "login.outdated",
    // Nobody can tell whether the password is still the one that was compared, so the session ends.
    "login.unsure",
    "refresh.reused_token",
    "revoke_session.current",
    "revoke_sessions.all",
    // The image is taken back.
    "create_food.unique_title",
    "update_food.keeps_image",
    "create_food.upload",
    "update_food.upload",
];

/// What asks nothing of where sessions are, or nothing else than another event does.
const NOTHING_NEW_OF_SESSIONS: [&str; 7] = [
    "list_users",
    "get_user",
    "list_food",
    "get_food",
    "login.outdated",
    "create_food.unique_title",
    "update_food.keeps_image",
];

#[tokio::test]
async fn sweep_fixture_leads_to_all_its_operations() {
    let calls = calls_of(&Store::DynamoDb, "sweep_images").await;
    let operations: BTreeSet<_> = calls.iter().map(|step| step.operation.as_str()).collect();
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
async fn every_function_survives_failed_calls() {
    let routes = ROUTES.iter().map(|route| route.name);
    let events = routes
        .chain(WITH_KEYS)
        .chain(OTHER_WAYS)
        .chain(WITHOUT_ROUTE);
    survive(Store::DynamoDb, &events.collect::<Vec<_>>(), &FAILURES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_survives_failed_calls_with_redis() {
    let routes = ROUTES.iter().map(|route| route.name);
    let events = routes.chain(WITH_KEYS).chain(OTHER_WAYS);
    let events: Vec<_> = events
        .filter(|name| !NOTHING_NEW_OF_SESSIONS.contains(name))
        .collect();
    survive(Store::redis(), &events, &FAILURES).await;
}
