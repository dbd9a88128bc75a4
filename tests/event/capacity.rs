//! The backend cost of a request: round trips and the capacity units that `DynamoDB` reports, compared with the
//! table in `docs/CAPACITY.md`. `cargo test -p functions --test api capacity -- --nocapture` prints the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use functions::routes::{ROUTES, WITHOUT_ROUTE};
use futures_util::stream::{StreamExt as _, iter};
use test_support::fixture::event;
use test_support::recorder::{RecordedCall, longest_sequence};

use crate::event::recorded_fixture::RecordedFixture;

/// The delay of each backend response, so that concurrent calls overlap.
const DELAY: Duration = Duration::from_millis(150);

/// Formats the table row of a function: backend calls per operation, read and write capacity units.
fn row(name: &str, calls: &[RecordedCall]) -> String {
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
    let is_read = |call: &&RecordedCall| {
        call.operation.ends_with("GetItem") || ["Query", "Scan"].contains(&call.operation.as_str())
    };
    let units = |of: &dyn Fn(&&RecordedCall) -> bool| -> f64 {
        calls.iter().filter(of).map(|call| call.capacity).fold(0.0, |sum, units| sum + units)
    };
    format!(
        "| {name} | {} | {} | {} | {} | {} |",
        calls.len(),
        longest_sequence(calls),
        operations.join(", "),
        units(&is_read),
        units(&|call| !is_read(call)),
    )
}

/// Invokes a function with its example event and returns the backend calls.
async fn calls(name: &str) -> Vec<RecordedCall> {
    let recorded = RecordedFixture::with(&[]).await;
    recorded.dynamodb.delay_responses(DELAY);
    recorded.s3_proxy.delay_responses(DELAY);
    let mut running = recorded.start(name).await;
    let response = running.invoke(&event(name)).await;
    // The response of a scheduled function has no status.
    let status = response["statusCode"].as_u64().unwrap_or(200);
    let failed = response["failed"].as_u64().unwrap_or_default();
    assert!(status < 300 && failed == 0, "{response}");
    recorded.take()
}

#[tokio::test]
async fn capacity_document_has_the_measured_backend_cost_per_route() {
    let mut table = String::from(
        "| Function | Round trips | In sequence | Calls | Read units | Write units |\n\
         |---|---|---|---|---|---|\n",
    );
    let names = ROUTES.iter().map(|route| route.name).chain(WITHOUT_ROUTE);
    let mut rows = iter(names).map(|name| async move { row(name, &calls(name).await) }).buffered(4);
    while let Some(row) = rows.next().await {
        writeln!(table, "{row}").unwrap();
    }
    println!("{table}");
    let document = include_str!("../../docs/CAPACITY.md");
    assert!(document.contains(&table), "docs/CAPACITY.md should contain:\n{table}");
}
