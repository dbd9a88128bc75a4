use std::time::Duration;

use futures_util::future::join_all;

use crate::clock::Timestamp;
use crate::idempotency::{
    IdempotencyOutcome, IdempotencyRecord, IdempotencyStore, LEASE_DURATION, RETENTION,
};
use crate::testing::sample;

/// Generates the contract tests of an `IdempotencyStore`.
#[macro_export]
macro_rules! idempotency_store_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            idempotency,
            $adapter,
            [
                idempotency_lease_is_held_by_the_first_request,
                idempotency_key_reuse_for_another_request_is_reported,
                response_saved_for_retries_is_returned_until_it_expires,
                expired_idempotency_lease_keeps_the_resource_id,
                released_idempotency_lease_can_be_acquired_immediately,
                forgotten_idempotency_key_can_be_used_for_another_request,
                completed_idempotent_operation_is_not_forgotten,
                one_of_20_concurrent_requests_gets_the_idempotency_lease,
                finishing_an_unknown_idempotent_operation_does_nothing,
            ]
        );
    };
}

fn new_operation() -> IdempotencyRecord {
    IdempotencyRecord {
        id: format!("operation {}", sample::timestamp()),
        fingerprint: "a request".to_owned(),
    }
}

fn other_request(operation: &IdempotencyRecord) -> IdempotencyRecord {
    IdempotencyRecord { fingerprint: "another request".to_owned(), ..operation.clone() }
}

fn acquired(resource: &str) -> IdempotencyOutcome {
    IdempotencyOutcome::Acquired(resource.to_owned())
}

fn just_before(time: Timestamp) -> Timestamp {
    Timestamp::from_unix_millis(time.unix_millis() - 1).expect("a time")
}

async fn begin(
    store: &impl IdempotencyStore,
    operation: &IdempotencyRecord,
    resource: &str,
    now: Timestamp,
) -> IdempotencyOutcome {
    let outcome = store.begin(operation, resource, now).await;
    outcome.expect("a response")
}

pub async fn idempotency_lease_is_held_by_the_first_request(store: &impl IdempotencyStore) {
    let (operation, now) = (new_operation(), sample::timestamp());
    for _ in 0..2 {
        assert_eq!(begin(store, &operation, "one", now).await, acquired("one"));
    }
    assert_eq!(begin(store, &operation, "two", now).await, IdempotencyOutcome::InProgress);
}

pub async fn idempotency_key_reuse_for_another_request_is_reported(store: &impl IdempotencyStore) {
    let (operation, now) = (new_operation(), sample::timestamp());
    begin(store, &operation, "one", now).await;
    let other = other_request(&operation);
    assert_eq!(begin(store, &other, "two", now).await, IdempotencyOutcome::KeyReused);
    store.finish(&operation, "a response").await.expect("saved");
    assert_eq!(begin(store, &other, "two", now).await, IdempotencyOutcome::KeyReused);
}

pub async fn response_saved_for_retries_is_returned_until_it_expires(
    store: &impl IdempotencyStore,
) {
    let (operation, now) = (new_operation(), sample::timestamp());
    begin(store, &operation, "one", now).await;
    for response in ["a response", "another response"] {
        store.finish(&operation, response).await.expect("saved");
    }
    store.release(&operation).await.expect("released");
    let response = IdempotencyOutcome::Completed("a response".to_owned());
    for at in [now, now.plus(LEASE_DURATION), just_before(now.plus(RETENTION))] {
        assert_eq!(begin(store, &operation, "two", at).await, response);
    }
    let (other, much_later) = (other_request(&operation), now.plus(RETENTION));
    let outcome = begin(store, &other, "three", much_later).await;
    assert_eq!(outcome, acquired("three"));
    let outcome = begin(store, &operation, "one", much_later).await;
    assert_eq!(outcome, IdempotencyOutcome::KeyReused, "the expired record has no effect");
}

pub async fn expired_idempotency_lease_keeps_the_resource_id(store: &impl IdempotencyStore) {
    let (operation, now) = (new_operation(), sample::timestamp());
    begin(store, &operation, "one", now).await;
    let end = now.plus(LEASE_DURATION);
    for (resource, at, expected) in [
        ("two", just_before(end), IdempotencyOutcome::InProgress),
        ("two", end, acquired("one")),
        ("three", end, IdempotencyOutcome::InProgress),
    ] {
        assert_eq!(begin(store, &operation, resource, at).await, expected);
    }
}

pub async fn released_idempotency_lease_can_be_acquired_immediately(store: &impl IdempotencyStore) {
    let (operation, now) = (new_operation(), sample::timestamp());
    begin(store, &operation, "one", now).await;
    store.release(&operation).await.expect("released");
    let later = now.plus(Duration::from_millis(1));
    assert_eq!(begin(store, &operation, "two", later).await, acquired("one"));
    store.finish(&operation, "a response").await.expect("saved");
    let response = IdempotencyOutcome::Completed("a response".to_owned());
    assert_eq!(begin(store, &operation, "two", later).await, response);
}

pub async fn forgotten_idempotency_key_can_be_used_for_another_request(
    store: &impl IdempotencyStore,
) {
    let (operation, now) = (new_operation(), sample::timestamp());
    begin(store, &operation, "one", now).await;
    // A late call of an attempt that no longer owns the record.
    store.forget(&operation, "another").await.expect("a response");
    assert_eq!(begin(store, &operation, "two", now).await, IdempotencyOutcome::InProgress);
    store.forget(&operation, "one").await.expect("forgotten");
    let other = other_request(&operation);
    assert_eq!(begin(store, &other, "two", now).await, acquired("two"));
    assert_eq!(begin(store, &operation, "three", now).await, IdempotencyOutcome::KeyReused);
}

pub async fn completed_idempotent_operation_is_not_forgotten(store: &impl IdempotencyStore) {
    let (operation, now) = (new_operation(), sample::timestamp());
    begin(store, &operation, "one", now).await;
    store.finish(&operation, "a response").await.expect("saved");
    store.forget(&operation, "one").await.expect("a response");
    let response = IdempotencyOutcome::Completed("a response".to_owned());
    assert_eq!(begin(store, &operation, "two", now).await, response);
    // Also one that was never begun.
    let unknown = new_operation();
    store.forget(&unknown, "one").await.expect("a response");
    assert_eq!(begin(store, &unknown, "two", now).await, acquired("two"));
}

pub async fn one_of_20_concurrent_requests_gets_the_idempotency_lease(
    store: &impl IdempotencyStore,
) {
    let (operation, now) = (new_operation(), sample::timestamp());
    // In the second iteration the lease has expired.
    for at in [now, now.plus(LEASE_DURATION)] {
        let ids: Vec<_> = (0..20).map(|nth| format!("{nth} at {at}")).collect();
        let all = ids.iter().map(|id| begin(store, &operation, id, at));
        let outcomes = join_all(all).await;
        let is_waiting = |outcome: &&_| **outcome == IdempotencyOutcome::InProgress;
        assert_eq!(outcomes.iter().filter(is_waiting).count(), 19);
        let is_acquired = |outcome: &&_| matches!(outcome, IdempotencyOutcome::Acquired(_));
        assert_eq!(outcomes.iter().filter(is_acquired).count(), 1);
    }
}

pub async fn finishing_an_unknown_idempotent_operation_does_nothing(store: &impl IdempotencyStore) {
    let (operation, now) = (new_operation(), sample::timestamp());
    store.finish(&operation, "a response").await.expect("a response");
    store.release(&operation).await.expect("a response");
    assert_eq!(begin(store, &operation, "one", now).await, acquired("one"));
}
