//! What a request costs behind the function: round trips and capacity units, as `DynamoDB` counts
//! them. The table in `docs/CAPACITY.md` says the same; `cargo test -p functions --test api capacity
//! -- --nocapture` prints it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use functions::routes::{ROUTES, WITHOUT_ROUTE};

use crate::permissions::Recorded;
use test_support::fixture::event;
use test_support::recorder::{Call, in_sequence};

/// Who reads the session and something else at the same time: held until both are asked for, they
/// surely overlap.
pub(crate) const READS_TWO: [&str; 3] = ["create_food", "update_food", "delete_food"];

/// Who counts attempts, two at a time and beside other calls, or puts two pictures at a time; and an event that
/// changes nothing: after it connections are open, and what is sent at once mostly arrives at once.
const CALLS_AT_ONCE: [(&str, &str); 4] = [
    ("create_user", "create_user.email_taken"),
    ("login", "login.incorrect_password"),
    ("change_password", "change_password.wrong"),
    ("process_image", "process_image.gone"),
];

/// Operations with how often they are called, and units.
fn row(name: &str, calls: &[Call]) -> String {
    let mut operations: BTreeMap<&str, usize> = BTreeMap::new();
    for call in calls {
        *operations.entry(&call.operation).or_default() += 1;
    }
    let operations: Vec<_> = operations
        .into_iter()
        .map(|(operation, times)| match times {
            1 => operation.to_owned(),
            times => format!("{times} × {operation}"),
        })
        .collect();
    let is_read = |call: &&Call| matches!(call.operation.as_str(), "GetItem" | "Query");
    let units = |of: &dyn Fn(&&Call) -> bool| -> f64 {
        calls
            .iter()
            .filter(of)
            .map(|call| call.capacity)
            .fold(0.0, |sum, units| sum + units)
    };
    format!(
        "| {name} | {} | {} | {} | {} | {} |",
        calls.len(),
        in_sequence(calls),
        operations.join(", "),
        units(&is_read),
        units(&|call| !is_read(call)),
    )
}

/// What a function calls for its event, perhaps after another one.
async fn calls(name: &str, before: Option<&str>) -> Vec<Call> {
    let recorded = Recorded::scene(&[]).await;
    if READS_TWO.contains(&name) {
        recorded.dynamodb.hold_reads();
    }
    let mut running = recorded.start(name).await;
    if let Some(before) = before {
        running.invoke(&event(before)).await;
        recorded.take();
    }
    let answer = running.invoke(&event(name)).await;
    // What has no route answers without a status.
    let is_success = answer["statusCode"]
        .as_u64()
        .is_none_or(|status| status < 300);
    assert!(
        is_success && answer["failed"].as_u64().is_none_or(|failed| failed == 0),
        "{answer}"
    );
    recorded.take()
}

#[tokio::test]
async fn the_cost_of_each_route_is_the_one_that_is_written_down() {
    let mut table = String::from(
        "| Function | Round trips | In sequence | Calls | Read units | Write units |\n\
         |---|---|---|---|---|---|\n",
    );
    for of in ROUTES.iter().map(|route| route.name).chain(WITHOUT_ROUTE) {
        let calls = match CALLS_AT_ONCE.iter().find(|(name, _)| *name == of) {
            None => calls(of, None).await,
            Some((name, before)) => {
                let mut tries = Vec::new();
                for _ in 0..5 {
                    tries.push(calls(name, Some(before)).await);
                }
                let shortest = tries.into_iter().min_by_key(|calls| in_sequence(calls));
                shortest.expect("some tries")
            }
        };
        writeln!(table, "{}", row(of, &calls)).unwrap();
    }
    println!("{table}");
    let written = include_str!("../docs/CAPACITY.md");
    assert!(
        written.contains(&table),
        "docs/CAPACITY.md should have:\n{table}"
    );
}
