use std::time::Duration;

use futures_util::future::join_all;

use crate::clock::Timestamp;
use crate::rate_limit::{
    Attempt, ClientIp, CountOutcome, Counter, LimitedAction, Limits, RateLimitStore,
};
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
                refused_attempts_leave_the_counter_unchanged,
                limit_reached_reports_settled_attempts,
                concurrent_attempts_get_distinct_counts,
                concurrent_attempts_never_exceed_the_limit,
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
    match try_count(store, counter, u64::MAX, Attempt::Pending).await {
        CountOutcome::Counted(count) => count,
        outcome @ CountOutcome::LimitReached { .. } => panic!("{outcome:?}"),
    }
}

async fn try_count(
    store: &impl RateLimitStore,
    counter: &Counter,
    limit: u64,
    attempt: Attempt,
) -> CountOutcome {
    store.count(counter, limit, attempt).await.expect("a response")
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
    store.refund(&ada, Attempt::Pending).await.expect("refunded");
    assert_eq!(count(store, &ada).await, 3);
    // Also for a counter that does not exist.
    for counter in [ada, counter("unknown", sample::timestamp())] {
        for attempt in [Attempt::Pending, Attempt::Settled] {
            for _ in 0..5 {
                store.refund(&counter, attempt).await.expect("refunded");
            }
            // Without a pending attempt, there is none to settle.
            store.settle(&counter).await.expect("settled");
            assert_eq!(count(store, &counter).await, 1);
            store.refund(&counter, Attempt::Pending).await.expect("refunded");
        }
    }
}

pub async fn refused_attempts_leave_the_counter_unchanged(store: &impl RateLimitStore) {
    let ada = counter("ada", sample::timestamp());
    for attempt in [Attempt::Pending, Attempt::Settled] {
        try_count(store, &ada, 2, attempt).await;
    }
    for _ in 0..20 {
        let refused = try_count(store, &ada, 2, Attempt::Pending).await;
        assert_eq!(refused, CountOutcome::LimitReached { settled: 1 });
    }
    assert_eq!(try_count(store, &ada, 3, Attempt::Pending).await, CountOutcome::Counted(3));
}

pub async fn limit_reached_reports_settled_attempts(store: &impl RateLimitStore) {
    let ada = counter("ada", sample::timestamp());
    for _ in 0..3 {
        count(store, &ada).await;
    }
    let reached = async || match try_count(store, &ada, 1, Attempt::Pending).await {
        CountOutcome::LimitReached { settled } => settled,
        outcome @ CountOutcome::Counted(_) => panic!("{outcome:?}"),
    };
    assert_eq!(reached().await, 0);
    // The fourth attempt to settle is not pending.
    for settled in [1, 2, 3, 3] {
        store.settle(&ada).await.expect("settled");
        assert_eq!(reached().await, settled);
    }
    // Settled attempts are refunded only as such.
    store.refund(&ada, Attempt::Pending).await.expect("refunded");
    assert_eq!(reached().await, 3);
    store.refund(&ada, Attempt::Settled).await.expect("refunded");
    assert_eq!(reached().await, 2);
    assert_eq!(try_count(store, &ada, 3, Attempt::Settled).await, CountOutcome::Counted(3));
    assert_eq!(reached().await, 3);
}

pub async fn concurrent_attempts_get_distinct_counts(store: &impl RateLimitStore) {
    let contended = counter("contended", sample::timestamp());
    let mut counts = join_all((0..50).map(|_| count(store, &contended))).await;
    counts.sort_unstable();
    assert!(counts.into_iter().eq(1..=50));
}

pub async fn concurrent_attempts_never_exceed_the_limit(store: &impl RateLimitStore) {
    let contended = counter("contended", sample::timestamp());
    let attempts = (0..50).map(|_| try_count(store, &contended, 10, Attempt::Pending));
    let outcomes = join_all(attempts).await;
    let is_refused = |outcome: &&_| **outcome == CountOutcome::LimitReached { settled: 0 };
    assert_eq!(outcomes.iter().filter(is_refused).count(), 40, "{outcomes:?}");
}
