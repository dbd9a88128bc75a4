//! Writes metrics in the `CloudWatch` embedded metric format.

use domain::clock::Timestamp;
use serde::Serialize;

use super::log::JsonRecord;

/// Adds the metrics of a request to its log line, and the metadata that `CloudWatch` reads. AWS charges for
/// each combination of dimension values, so only errors have a dimension.
pub(super) fn add_metrics(
    record: &mut JsonRecord,
    namespace: &str,
    is_cold: bool,
    status: u16,
    error: Option<&str>,
    at: Timestamp,
) {
    let is_login_rejected = status == 401 && error == Some("incorrect_password");
    let mut metrics = Vec::with_capacity(6);
    metrics.push(Metric { name: "duration_ms", unit: "Milliseconds" });
    for (name, is_counted) in [
        ("requests", true),
        ("cold_starts", is_cold),
        ("logins_refused", is_login_rejected),
        ("refresh_reused", error == Some("refresh_reused")),
        ("throttled", status == 429),
    ] {
        if is_counted {
            record.field(name, &1);
            metrics.push(Metric::count(name));
        }
    }
    let directive =
        |dimensions, metrics| Directive { namespace, dimensions: [dimensions], metrics };
    let mut directives = Vec::with_capacity(2);
    directives.push(directive(&[], &metrics));
    let errors = [Metric::count("errors")];
    if error.is_some() {
        record.field("errors", &1);
        directives.push(directive(&["error.type"], &errors));
    }
    add_metadata(record, &directives, at);
}

/// Adds counts of a run, by name, to its log line.
pub(super) fn add_counts(
    record: &mut JsonRecord,
    namespace: &str,
    counts: &[(&'static str, u64)],
    at: Timestamp,
) {
    for (name, count) in counts {
        record.field(name, count);
    }
    let metrics: Vec<_> = counts.iter().map(|(name, _)| Metric::count(name)).collect();
    add_metadata(record, &[Directive { namespace, dimensions: [&[]], metrics: &metrics }], at);
}

fn add_metadata(record: &mut JsonRecord, directives: &[Directive<'_>], at: Timestamp) {
    let metadata = Metadata { timestamp: at.unix_millis(), cloud_watch_metrics: directives };
    record.field("_aws", &metadata);
}

/// The value of the log field `_aws` (`CloudWatch`, "Specification: Embedded metric format").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: i64,
    cloud_watch_metrics: &'a [Directive<'a>],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [&'a [&'a str]; 1],
    metrics: &'a [Metric],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

impl Metric {
    fn count(name: &'static str) -> Self {
        Self { name, unit: "Count" }
    }
}
