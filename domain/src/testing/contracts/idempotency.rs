//! Contract of [`IdempotencyStore`].

use std::time::Duration;

use futures_util::future::join_all;

use crate::clock::Timestamp;
use crate::idempotency::{Begun, IdempotencyStore, KEPT, LEASE, Operation};
use crate::testing::sample;

/// Things that clients want done once.
pub async fn idempotency_store(store: &impl IdempotencyStore) {
    let now = sample::moment();
    let operation = |name: &str| Operation {
        id: format!("{name} {now}"),
        fingerprint: "a request".to_owned(),
    };
    let begin = async |operation: &Operation, resource: &str, now| {
        let outcome = store.begin(operation, resource, now).await;
        outcome.expect("asked")
    };
    let yours = |resource: &str| Begun::Yours(resource.to_owned());
    let a_moment = Duration::from_millis(1);
    let just_before = |moment: Timestamp| {
        let moment = Timestamp::from_unix_millis(moment.unix_millis() - 1);
        moment.expect("a moment")
    };

    // Who begins has it, also when asking again; the others wait. Another request is told so.
    let first = operation("first");
    for _ in 0..2 {
        assert_eq!(begin(&first, "one", now).await, yours("one"));
    }
    assert_eq!(begin(&first, "two", now).await, Begun::Running);
    let other = Operation {
        fingerprint: "another request".to_owned(),
        ..first.clone()
    };
    assert_eq!(begin(&other, "two", now).await, Begun::Different);

    // What is answered is answered again, and the first answer stays, until it is forgotten.
    for answer in ["an answer", "another answer"] {
        store.finish(&first, answer).await.expect("kept");
    }
    store.release(&first).await.expect("released");
    let answer = Begun::Done("an answer".to_owned());
    let last_moment = just_before(now.plus(KEPT));
    for at in [now, now.plus(LEASE), last_moment] {
        assert_eq!(begin(&first, "two", at).await, answer);
        assert_eq!(begin(&other, "two", at).await, Begun::Different);
    }
    let much_later = now.plus(KEPT);
    assert_eq!(begin(&other, "three", much_later).await, yours("three"));
    assert_eq!(
        begin(&first, "one", much_later).await,
        Begun::Different,
        "forgotten wholly"
    );

    // Where an attempt was cut off, one other takes over when its time is over, and makes the same.
    let second = operation("second");
    assert_eq!(begin(&second, "one", now).await, yours("one"));
    let in_time = just_before(now.plus(LEASE));
    assert_eq!(begin(&second, "two", in_time).await, Begun::Running);
    let late = now.plus(LEASE);
    assert_eq!(begin(&second, "two", late).await, yours("one"));
    assert_eq!(begin(&second, "three", late).await, Begun::Running);

    // Or at once, where the attempt says that it does not know.
    store.release(&second).await.expect("released");
    let later = late.plus(a_moment);
    assert_eq!(begin(&second, "three", later).await, yours("one"));
    store.finish(&second, "an answer").await.expect("kept");
    assert_eq!(begin(&second, "three", later).await, answer);

    // Of many at once one has it, and of many who take over.
    let contended = operation("contended");
    for at in [now, late] {
        let names: Vec<_> = (0..20).map(|n| format!("{n} at {at}")).collect();
        let all = names.iter().map(|name| begin(&contended, name, at));
        let outcomes = join_all(all).await;
        let running = outcomes
            .iter()
            .filter(|outcome| **outcome == Begun::Running);
        assert_eq!(running.count(), 19, "{outcomes:?}");
        let has_it = |outcome: &&Begun| matches!(outcome, Begun::Yours(_));
        assert_eq!(outcomes.iter().filter(has_it).count(), 1, "{outcomes:?}");
    }

    // What nobody began cannot be ended.
    let unknown = operation("unknown");
    store.finish(&unknown, "an answer").await.expect("asked");
    store.release(&unknown).await.expect("asked");
    assert_eq!(begin(&unknown, "one", now).await, yours("one"));
}
