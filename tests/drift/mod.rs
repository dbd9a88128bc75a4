//! What is said in several places is the same everywhere: routes, tables, settings.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use aws_sdk_dynamodb::types::{GlobalSecondaryIndexDescription, KeySchemaElement};
use engines::shared::Engines;
use functions::dependencies::{Dependencies, FromDependencies as _};
use functions::handlers;
use functions::routes::{FUNCTIONS, ROUTES};
use functions::settings::{Settings, SettingsError};
use http::Method;
use serde_json::{Value, json};

use crate::event::events::{expected, function};
use test_support::Api;
use test_support::template::{template, texts};

/// Each function with its method and path.
type Routes = BTreeMap<String, String>;

fn routes_of_the_code() -> Routes {
    let entry = |route: functions::routes::Route| {
        (
            route.name.to_owned(),
            format!("{} {}", route.method, route.path),
        )
    };
    ROUTES.map(entry).into()
}

#[test]
fn template_has_the_functions_of_the_table() {
    let template = template("functions");
    let deployed = template.as_object().unwrap().iter();
    let deployed = deployed.map(|(name, function)| {
        let trigger = function["route"].as_str().unwrap();
        (name.as_str(), (trigger, function["memory"].clone()))
    });
    let table = FUNCTIONS.map(|function| {
        let memory = json!(function.memory_mb);
        (function.name, (function.trigger, memory))
    });
    assert_eq!(deployed.collect::<BTreeMap<_, _>>(), table.into());
}

#[test]
fn cargo_lambda_watches_the_routes_of_the_code() {
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
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
    assert_eq!(routes, routes_of_the_code());
}

#[test]
fn the_readme_has_the_routes_of_the_code() {
    let readme = include_str!("../../README.md");
    let mut routes = Routes::new();
    let mut signed_in = BTreeMap::new();
    for row in readme.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        if let [route, function, who, _] = cells[..]
            && let Some((method, path)) = route.split_once(' ')
            && path.starts_with('/')
        {
            routes.insert(function.to_owned(), format!("{method} {path}"));
            signed_in.insert(function.to_owned(), !matches!(who, "" | "by refresh token"));
        }
    }
    assert_eq!(routes, routes_of_the_code());
    for route in ROUTES {
        assert_eq!(signed_in[route.name], route.signed_in, "{}", route.name);
    }
}

fn key(schema: &[KeySchemaElement]) -> Vec<&str> {
    schema
        .iter()
        .map(KeySchemaElement::attribute_name)
        .collect()
}

fn index(index: &GlobalSecondaryIndexDescription) -> (String, Value) {
    let projection = index.projection().unwrap();
    let shows = match projection.projection_type().unwrap().as_str() {
        "INCLUDE" => json!(projection.non_key_attributes()),
        all_or_keys => json!(all_or_keys),
    };
    let description = json!({"key": key(index.key_schema()), "projection": shows});
    (index.index_name().unwrap().to_owned(), description)
}

#[tokio::test]
async fn the_tables_made_at_home_are_those_of_the_template() {
    let engines = Engines::shared();
    let names = engines.tables().await;
    let client = engines.aws().dynamodb();
    let mut tables = serde_json::Map::new();
    for (id, name) in [
        ("UsersTable", names.users),
        ("FoodsTable", names.foods),
        ("SessionsTable", names.sessions),
    ] {
        let table = client.describe_table().table_name(&name).send().await;
        let table = table.unwrap().table.unwrap();
        let ttl = client
            .describe_time_to_live()
            .table_name(&name)
            .send()
            .await;
        let ttl = ttl.unwrap().time_to_live_description;
        let indexes = table.global_secondary_indexes().iter().map(index);
        let description = json!({
            "key": key(table.key_schema()),
            "ttl": ttl.and_then(|ttl| ttl.attribute_name),
            "indexes": indexes.collect::<serde_json::Map<_, _>>(),
        });
        tables.insert(id.to_owned(), description);
    }
    assert_eq!(Value::Object(tables), template("tables"));
}

#[tokio::test]
async fn the_gateway_at_home_has_the_cors_of_the_template() {
    let api = Api::start().await;
    let cors = template("cors");
    let preflight = api
        .request(Method::OPTIONS, "/food")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET")
        .send()
        .await;
    let answer = api.get("/food").header("origin", "https://app.example.com");
    let answer = answer.send().await;
    let listed = |header: &str| -> BTreeSet<String> {
        let values = header.split(',');
        values.map(|value| value.trim().to_lowercase()).collect()
    };
    let wanted = |member: &str| -> BTreeSet<String> {
        let values = texts(&cors[member]);
        values.iter().map(|value| value.to_lowercase()).collect()
    };
    for (header, member) in [
        ("access-control-allow-methods", "allowMethods"),
        ("access-control-allow-headers", "allowHeaders"),
        ("access-control-allow-origin", "allowOrigins"),
    ] {
        assert_eq!(listed(preflight.header(header)), wanted(member), "{header}");
    }
    let max_age = preflight.header("access-control-max-age");
    assert_eq!(max_age, cors["maxAge"].to_string());
    let exposed = answer.header("access-control-expose-headers");
    assert_eq!(listed(exposed), wanted("exposeHeaders"));
}

#[test]
fn the_description_has_every_answer_to_an_event() {
    let description: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    for (event, status, body) in expected() {
        let route = ROUTES.iter().find(|route| route.name == function(event));
        let route = route.unwrap();
        let operation = &description["paths"][route.path][route.method.to_lowercase()];
        assert_eq!(operation["operationId"], route.name);
        let response = &operation["responses"][status.to_string()];
        assert!(response.is_object(), "{event}: {status}");
        if status >= 400 {
            let schema = &response["content"]["application/problem+json"]["schema"];
            for (member, value) in body.as_object().unwrap() {
                let known = &schema["properties"][member];
                let is_said = known["const"] == *value
                    || texts(&known["examples"])
                        .contains(&value.as_str().unwrap_or_default().to_owned());
                assert!(is_said, "{event}: {member}");
            }
        }
    }
}

/// Every setting with a value that is right, and one that is wrong: nothing, where any text is
/// right.
const SETTINGS: [(&str, &str, &str); 22] = [
    ("USERS_TABLE", "users", ""),
    ("FOODS_TABLE", "foods", ""),
    ("SESSIONS_TABLE", "sessions", ""),
    ("IMAGES_BUCKET", "images", ""),
    ("UPLOADS_BUCKET", "uploads", ""),
    ("IMAGE_BASE_URL", "https://images.example", "images"),
    ("TOKEN_STORE_URL", "", "http://sessions.example"),
    (
        "ACCESS_SECRET",
        "an access secret of 32 bytes or more",
        "short",
    ),
    (
        "REFRESH_SECRET",
        "a refresh secret of 32 bytes or more",
        "short",
    ),
    ("ACCESS_SECRET_PREVIOUS", "", "short"),
    ("REFRESH_SECRET_PREVIOUS", "", "short"),
    ("ACCESS_TOKEN_TTL_SECONDS", "900", "soon"),
    ("REFRESH_TOKEN_TTL_SECONDS", "604800", "late"),
    ("PASSWORD_MIN_LENGTH", "8", "long"),
    ("LOGIN_ATTEMPTS_PER_ACCOUNT", "10", "many"),
    ("LOGIN_ATTEMPTS_PER_ADDRESS", "100", "many"),
    ("SIGN_UP_ATTEMPTS_PER_ACCOUNT", "10", "many"),
    ("SIGN_UP_ATTEMPTS_PER_ADDRESS", "50", "many"),
    ("ATTEMPT_WINDOW_SECONDS", "900", "long"),
    ("ORPHAN_MIN_AGE_SECONDS", "86400", "old"),
    ("MAX_IMAGE_BYTES", "8192000", "large"),
    ("ALLOWED_ORIGIN", "*", ""),
];

/// The settings that a function reads: those that stop it when they are wrong.
fn read_by<T>(make: impl Fn(&Dependencies) -> Result<T, SettingsError>) -> BTreeSet<String> {
    let aws = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let new = |wrong: Option<&str>| -> Result<T, SettingsError> {
        let values = SETTINGS
            .map(|(name, right, bad)| (name, if wrong == Some(name) { bad } else { right }));
        let all = aws.map(|name| (name, "x")).into_iter().chain(values);
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        make(&Dependencies::new(Settings::new(all))?)
    };
    assert!(new(None).is_ok());
    let stops = |name| new(Some(name)).is_err_and(|error| error.name == name);
    let mut read = BTreeSet::new();
    for (name, ..) in SETTINGS {
        if stops(name) {
            read.insert(name.to_owned());
        }
    }
    read
}

macro_rules! settings_read {
    (
        routes { $($name:ident $handler:ident $route:tt;)* }
        without_route { $($other:ident $other_handler:ident $trigger:tt;)* }
    ) => {
        [
            $((stringify!($name), read_by(handlers::$handler::new)),)*
            $((stringify!($other), read_by(handlers::$other_handler::new)),)*
        ]
    };
}

#[test]
fn the_template_gives_each_function_the_settings_that_it_reads() {
    // Some are set only where sessions are on a server of their own, or secrets are rotated.
    let templates = ["functions", "functions.token-store"].map(template);
    for (name, read) in functions::for_each_function!(settings_read) {
        let variables = |template: &Value| template[name]["variables"].as_object().unwrap().clone();
        let given: BTreeSet<String> = templates
            .iter()
            .flat_map(variables)
            .map(|(name, _)| name)
            .collect();
        let read = read.into_iter().chain([COMMON.to_owned()]).collect();
        assert_eq!(given, read, "{name}");
    }
}

/// Read by every function, before it is made.
const COMMON: &str = "METRICS_NAMESPACE";

/// The names in backquotes.
fn quoted(text: &str) -> BTreeSet<String> {
    let names = text.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn every_alarm_and_every_saved_query_is_in_the_runbook() {
    let runbook = include_str!("../../docs/RUNBOOK.md");
    let watching = template("watching");
    let queries = watching["queries"].as_object().unwrap();
    let queries: BTreeSet<String> = queries.keys().cloned().collect();
    let mut alarms = Vec::new();
    for section in runbook.split("\n## ").skip(1) {
        let part = |begins: &str| {
            let part = section.split("\n\n").find(|part| part.starts_with(begins));
            part.unwrap_or_else(|| panic!("no {begins} in {section}"))
        };
        alarms.extend(quoted(part("Alarms: ")));
        assert!(part("**Means.**").len() > 40 && part("**Do.**").len() > 40);
        let named = quoted(part("**Look.**"));
        let is_saved = named.iter().any(|name| queries.contains(name));
        // One asks the log of the gateway.
        let is_written_out = named.iter().any(|name| name.starts_with("filter "));
        assert!(is_saved || is_written_out, "{section}");
    }
    alarms.sort();
    let mut wanted = texts(&watching["alarms"]);
    wanted.sort();
    assert_eq!(alarms, wanted);
    let (table, _) = runbook.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let listed: BTreeSet<String> = rows
        .map(|row| row.split('`').nth(1).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(listed, queries);
}

#[test]
fn queries_and_the_dashboard_ask_for_what_lines_have() {
    let decision = include_str!("../../docs/decisions/0021-one-log-line-per-request.md");
    let rows = decision.lines().filter(|line| line.starts_with("| `"));
    let members: BTreeSet<String> = rows
        .flat_map(|row| quoted(row.split('|').nth(1).unwrap_or_default()))
        .collect();
    let watching = template("watching");
    for (name, query) in watching["queries"].as_object().unwrap() {
        for field in quoted(query.as_str().unwrap()) {
            assert!(members.contains(&field), "{name}: {field}");
        }
    }
    for metric in texts(&watching["metrics"]) {
        let is_of_the_gateway = metric == "ThrottledRequests";
        assert!(is_of_the_gateway || members.contains(&metric), "{metric}");
    }
}

#[test]
fn the_readme_names_every_setting() {
    let readme = include_str!("../../README.md");
    for name in SETTINGS.map(|(name, ..)| name).into_iter().chain([COMMON]) {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}
