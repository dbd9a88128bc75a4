//! What a request costs behind the function: round trips and capacity units, as `DynamoDB` counts
//! them. The table in `docs/CAPACITY.md` says the same; `cargo test -p functions --test api capacity
//! -- --nocapture` prints it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use functions::routes::{ROUTES, WITHOUT_ROUTE};
use futures_util::stream::{StreamExt as _, iter};
use test_support::fixture::event;
use test_support::recorder::{Call, in_sequence};

use crate::event::recorded::Recorded;

/// The time by which responses are delayed, so that calls that are sent at once overlap.
const DELAY: Duration = Duration::from_millis(150);

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

/// The calls of a function for its event.
async fn calls(name: &str) -> Vec<Call> {
    let recorded = Recorded::scene(&[]).await;
    recorded.dynamodb.delay_responses(DELAY);
    recorded.s3_proxy.delay_responses(DELAY);
    let mut running = recorded.start(name).await;
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
    let names = ROUTES.iter().map(|route| route.name).chain(WITHOUT_ROUTE);
    let mut rows = iter(names)
        .map(|name| async move { row(name, &calls(name).await) })
        .buffered(4);
    while let Some(row) = rows.next().await {
        writeln!(table, "{row}").unwrap();
    }
    println!("{table}");
    let written = include_str!("../../docs/CAPACITY.md");
    assert!(
        written.contains(&table),
        "docs/CAPACITY.md should have:\n{table}"
    );
}
