use std::time::Duration;

use futures_util::future::join_all;

use crate::attempt::{AttemptStore, Attempted, Counter, Limits, SourceAddress};
use crate::clock::Timestamp;
use crate::testing::sample;

/// Makes the tests of an `AttemptStore`.
#[macro_export]
macro_rules! attempt_store_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            rate_limit,
            $adapter,
            [
                attempts_are_counted_by_subject_and_window,
                returned_attempt_is_not_counted,
                concurrent_attempts_get_distinct_counts,
            ]
        );
    };
}

const LIMITS: Limits = Limits {
    per_account: 10,
    per_address: 100,
    window: Duration::from_mins(15),
};

fn counter(account: &str, now: Timestamp) -> Counter {
    let account = format!("{account} {now}");
    Counter::of_account(Attempted::Login, &account, &LIMITS, now)
}

async fn count(store: &impl AttemptStore, counter: &Counter) -> u64 {
    store.count(counter).await.expect("counted")
}

pub async fn attempts_are_counted_by_subject_and_window(store: &impl AttemptStore) {
    let now = sample::moment();
    let ada = counter("ada", now);
    for nth in 1..=3 {
        assert_eq!(count(store, &ada).await, nth);
    }
    let source = SourceAddress::parse("203.0.113.7");
    for other in [
        counter("eve", now),
        counter("ada", ada.ends_at),
        Counter::of_address(Attempted::Login, &source, &LIMITS, now),
    ] {
        assert_eq!(count(store, &other).await, 1);
    }
}

pub async fn returned_attempt_is_not_counted(store: &impl AttemptStore) {
    let ada = counter("ada", sample::moment());
    for nth in 1..=3 {
        assert_eq!(count(store, &ada).await, nth);
    }
    store.give_back(&ada).await.expect("returned");
    assert_eq!(count(store, &ada).await, 3);
    // Never below zero, also where nothing was counted.
    for counter in [ada, counter("unknown", sample::moment())] {
        for _ in 0..5 {
            store.give_back(&counter).await.expect("returned");
        }
        assert_eq!(count(store, &counter).await, 1);
    }
}

pub async fn concurrent_attempts_get_distinct_counts(store: &impl AttemptStore) {
    let contended = counter("contended", sample::moment());
    let mut counts = join_all((0..50).map(|_| count(store, &contended))).await;
    counts.sort_unstable();
    assert!(counts.into_iter().eq(1..=50));
}
