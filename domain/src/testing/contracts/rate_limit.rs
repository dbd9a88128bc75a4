//! Contract of [`AttemptStore`].

use std::time::Duration;

use futures_util::future::join_all;

use crate::attempt::{AttemptStore, Attempted, Counter, Limits, SourceAddress};
use crate::testing::sample;

/// Attempts.
pub async fn attempt_store(store: &impl AttemptStore) {
    let now = sample::moment();
    let limits = Limits {
        per_account: 10,
        per_address: 100,
        window: Duration::from_mins(15),
    };
    let on = |account: &str, now| {
        let account = format!("{account} {now}");
        Counter::of_account(Attempted::Login, &account, &limits, now)
    };
    let count = async |counter: &Counter| store.count(counter).await.expect("counted");
    let give_back = async |counter: &Counter| {
        store.give_back(counter).await.expect("given back");
    };

    // Each is one more, of this account in this window.
    let ada = on("ada", now);
    for nth in 1..=3 {
        assert_eq!(count(&ada).await, nth);
    }
    let source = SourceAddress::parse("203.0.113.7");
    let others = [
        on("eve", now),
        on("ada", ada.ends_at),
        Counter::of_address(Attempted::Login, &source, &limits, now),
    ];
    for other in &others {
        assert_eq!(count(other).await, 1);
    }

    // What is given back is not counted, and there is nothing below nothing.
    give_back(&ada).await;
    assert_eq!(count(&ada).await, 3);
    for _ in 0..5 {
        give_back(&ada).await;
    }
    assert_eq!(count(&ada).await, 1);
    let unknown = on("nobody", now);
    give_back(&unknown).await;
    assert_eq!(count(&unknown).await, 1);

    // Of fifty at once each is told another number.
    let contended = on("contended", now);
    let mut counts = join_all((0..50).map(|_| count(&contended))).await;
    counts.sort_unstable();
    assert!(counts.into_iter().eq(1..=50));
}
