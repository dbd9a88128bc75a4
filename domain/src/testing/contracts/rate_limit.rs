use std::time::Duration;

use futures_util::future::join_all;

use crate::clock::Timestamp;
use crate::rate_limit::{ClientIp, Counter, LimitedAction, Limits, RateLimitStore};
use crate::testing::sample;

/// Generates the contract tests of a `RateLimitStore`.
#[macro_export]
macro_rules! rate_limit_store_contract {
    ($adapter:expr) => {
        $crate::contract_tests!(
            rate_limit,
            $adapter,
            [
                attempts_are_counted_per_account_or_ip_and_time_window,
                attempt_count_is_never_decremented_below_zero,
                concurrent_attempts_get_distinct_counts,
            ]
        );
    };
}

const LIMITS: Limits = Limits { per_account: 10, per_ip: 100, window: Duration::from_mins(15) };

fn counter(account: &str, now: Timestamp) -> Counter {
    let account = format!("{account} {now}");
    Counter::per_account(LimitedAction::Login, &account, &LIMITS, now)
}

async fn count(store: &impl RateLimitStore, counter: &Counter) -> u64 {
    store.count(counter).await.expect("counted")
}

pub async fn attempts_are_counted_per_account_or_ip_and_time_window(store: &impl RateLimitStore) {
    let now = sample::timestamp();
    let ada = counter("ada", now);
    for nth in 1..=3 {
        assert_eq!(count(store, &ada).await, nth);
    }
    let client_ip = ClientIp::parse("203.0.113.7");
    for other in [
        counter("eve", now),
        counter("ada", ada.ends_at),
        Counter::per_ip(LimitedAction::Login, &client_ip, &LIMITS, now),
    ] {
        assert_eq!(count(store, &other).await, 1);
    }
}

pub async fn attempt_count_is_never_decremented_below_zero(store: &impl RateLimitStore) {
    let ada = counter("ada", sample::timestamp());
    for nth in 1..=3 {
        assert_eq!(count(store, &ada).await, nth);
    }
    store.decrement(&ada).await.expect("decremented");
    assert_eq!(count(store, &ada).await, 3);
    // Also for a counter that does not exist.
    for counter in [ada, counter("unknown", sample::timestamp())] {
        for _ in 0..5 {
            store.decrement(&counter).await.expect("decremented");
        }
        assert_eq!(count(store, &counter).await, 1);
    }
}

pub async fn concurrent_attempts_get_distinct_counts(store: &impl RateLimitStore) {
    let contended = counter("contended", sample::timestamp());
    let mut counts = join_all((0..50).map(|_| count(store, &contended))).await;
    counts.sort_unstable();
    assert!(counts.into_iter().eq(1..=50));
}
