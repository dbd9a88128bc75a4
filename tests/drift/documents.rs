//! The runbook, the saved queries and the dashboard match the template and the log format.

use std::collections::BTreeSet;

use test_support::template::{template, texts};

/// Returns the texts in backquotes.
fn quoted(text: &str) -> BTreeSet<String> {
    let names = text.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn runbook_covers_every_alarm_and_saved_query() {
    let runbook = include_str!("../../docs/RUNBOOK.md");
    let observability = template("observability");
    let queries = observability["queries"].as_object().unwrap();
    let queries: BTreeSet<String> = queries.keys().cloned().collect();
    let mut alarms = Vec::new();
    for section in runbook.split("\n## ").skip(1) {
        let paragraph = |start: &str| {
            let mut paragraphs = section.split("\n\n");
            let found = paragraphs.find(|paragraph| paragraph.starts_with(start));
            found.unwrap_or_else(|| panic!("no {start} in {section}"))
        };
        alarms.extend(quoted(paragraph("Alarms: ")));
        assert!(paragraph("**Means.**").len() > 40 && paragraph("**Do.**").len() > 40);
        let named = quoted(paragraph("**Look.**"));
        let is_saved = named.iter().any(|name| queries.contains(name));
        // One section queries the access log of API Gateway, without a saved query.
        let is_inline = named.iter().any(|name| name.starts_with("filter "));
        assert!(is_saved || is_inline, "{section}");
    }
    alarms.sort();
    let mut expected = texts(&observability["alarms"]);
    expected.sort();
    assert_eq!(alarms, expected);
    let (table, _) = runbook.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let listed: BTreeSet<String> = rows
        .map(|row| row.split('`').nth(1).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(listed, queries);
}

#[test]
fn queries_and_dashboard_use_only_logged_fields() {
    let decision = include_str!("../../docs/decisions/0021-one-log-line-per-request.md");
    let rows = decision.lines().filter(|line| line.starts_with("| `"));
    let fields: BTreeSet<String> = rows
        .flat_map(|row| quoted(row.split('|').nth(1).unwrap_or_default()))
        .collect();
    let observability = template("observability");
    for (name, query) in observability["queries"].as_object().unwrap() {
        for field in quoted(query.as_str().unwrap()) {
            assert!(fields.contains(&field), "{name}: {field}");
        }
    }
    for metric in texts(&observability["metrics"]) {
        let is_from_api_gateway = metric == "ThrottledRequests";
        assert!(is_from_api_gateway || fields.contains(&metric), "{metric}");
    }
}
