//! README, Cargo.toml, the OpenAPI document, the runbook and the log format match the code and `template.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use functions::routes::{Access, ROUTES, Route};
use serde_json::Value;
use test_support::template::{template, texts};

use crate::event::expected::{expected, function};

/// Method and path of each route, such as `GET /food`, by the name of the function.
type Routes = BTreeMap<String, String>;

fn routes_of_code() -> Routes {
    let entry = |route: Route| {
        let key = format!("{} {}", route.method, route.path);
        (route.name.to_owned(), key)
    };
    ROUTES.map(entry).into()
}

#[test]
fn cargo_lambda_router_matches_routes_rs() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let watched = &metadata["metadata"]["lambda"]["watch"]["router"];
    let mut routes = Routes::new();
    for (path, functions) in watched.as_object().expect("a router") {
        for entry in functions.as_array().expect("functions by method") {
            let method = entry["method"].as_str().unwrap();
            let function = entry["function"].as_str().unwrap().to_owned();
            assert_eq!(routes.insert(function, format!("{method} {path}")), None);
        }
    }
    assert_eq!(routes, routes_of_code());
}

#[test]
fn readme_route_table_matches_routes_rs() {
    let readme = include_str!("../../README.md");
    let mut routes = Routes::new();
    let mut access = BTreeMap::new();
    for row in readme.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        if let [route, function, user, _] = cells[..]
            && let Some((method, path)) = route.split_once(' ')
            && path.starts_with('/')
        {
            routes.insert(function.to_owned(), format!("{method} {path}"));
            let of_row = match user {
                "" | "by refresh token" => Access::Anonymous,
                "optional" => Access::Optional,
                _ => Access::SignedIn,
            };
            access.insert(function.to_owned(), of_row);
        }
    }
    assert_eq!(routes, routes_of_code());
    for route in ROUTES {
        assert_eq!(access[route.name], route.access, "{}", route.name);
    }
}

#[test]
fn openapi_document_has_the_response_to_every_event() {
    let document: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    for (event, status, body) in expected() {
        let route = ROUTES.iter().find(|route| route.name == function(event));
        let route = route.unwrap();
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        assert_eq!(operation["operationId"], route.name);
        let response = &operation["responses"][status.to_string()];
        assert!(response.is_object(), "{event}: {status}");
        if status >= 400 {
            let schema = &response["content"]["application/problem+json"]["schema"];
            for (field, value) in body.as_object().unwrap() {
                let known = &schema["properties"][field];
                let is_documented = (field == "detail" && known.is_object())
                    || known["const"] == *value
                    || texts(&known["examples"])
                        .contains(&value.as_str().unwrap_or_default().to_owned());
                assert!(is_documented, "{event}: {field}");
            }
        }
    }
}

/// Returns the parts of a Markdown text that are in backquotes.
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
    let listed: BTreeSet<String> =
        rows.map(|row| row.split('`').nth(1).unwrap_or_default().to_owned()).collect();
    assert_eq!(listed, queries);
}

#[test]
fn saved_queries_and_dashboard_use_only_logged_fields() {
    let decision = include_str!("../../docs/decisions/0021-one-log-line-per-request.md");
    let rows = decision.lines().filter(|line| line.starts_with("| `"));
    let fields: BTreeSet<String> =
        rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap_or_default())).collect();
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

const ASVS: &str = include_str!("../../docs/ASVS.md");

/// Returns the cells of each table row in a Markdown text.
fn cells(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
}

#[test]
fn asvs_names_existing_tests() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
    let mut checked = 0;
    // The parts at odd positions are in backquotes. A test is named as "`test` in `file`" or "`test`, `test` in `file`".
    let parts: Vec<_> = ASVS.lines().flat_map(|line| line.split('`')).collect();
    let is_test = |name: &str| {
        name.contains('_')
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let is_rust_file = |part: &str| {
        std::path::Path::new(part).extension().is_some_and(|extension| extension == "rs")
    };
    for (at, file) in parts.iter().enumerate().filter(|(_, part)| is_rust_file(part)) {
        let mut name = at;
        while name >= 2 && (parts[name - 1] == " in " || (name < at && parts[name - 1] == ", ")) {
            name -= 2;
            if !is_test(parts[name]) {
                break;
            }
            let code = std::fs::read_to_string(format!("{root}{file}")).expect(file);
            let function = format!("fn {}(", parts[name]);
            assert!(code.contains(&function), "{file} has no test {}", parts[name]);
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked}");
}

#[test]
fn asvs_summary_counts_the_rows() {
    let mut chapters = BTreeMap::new();
    let mut levels = BTreeMap::new();
    for row in cells(ASVS) {
        if let [id, level @ ("1" | "2"), _, result @ ("pass" | "fail" | "n/a"), _] = row[..] {
            let (chapter, _) = id.split_once('.').expect("a chapter");
            *chapters.entry((format!("V{chapter}"), result)).or_insert(0) += 1;
            *levels.entry((level, result)).or_insert(0) += 1;
        }
    }
    let mut total = [0; 4];
    for row in cells(ASVS) {
        let [name, numbers @ ..] = row.as_slice() else { continue };
        let numbers: Option<Vec<usize>> = numbers.iter().map(|cell| cell.parse().ok()).collect();
        let Some(numbers) = numbers.filter(|numbers| numbers.len() == 4) else { continue };
        let chapter = name.split(' ').next().unwrap_or_default();
        if !chapter.starts_with('V') {
            continue;
        }
        let count = |result| *chapters.get(&(chapter.to_owned(), result)).unwrap_or(&0);
        let [pass, fail, n_a] = ["pass", "fail", "n/a"].map(count);
        assert_eq!(numbers, [pass + fail + n_a, pass, fail, n_a], "{name}");
        for (total, number) in total.iter_mut().zip(numbers) {
            *total += number;
        }
    }
    let [all, pass, fail, n_a] = total;
    let expected = format!("| **Total** | **{all}** | **{pass}** | **{fail}** | **{n_a}** |");
    assert!(ASVS.contains(&expected), "{expected}");
    for level in ["1", "2"] {
        let [pass, fail, n_a] = ["pass", "fail", "n/a"].map(|result| levels[&(level, result)]);
        let all = pass + fail + n_a;
        let expected =
            format!("Level {level}: {all} requirements, {pass} pass, {fail} fail, {n_a} n/a.");
        assert!(ASVS.contains(&expected), "{expected}");
    }
}
