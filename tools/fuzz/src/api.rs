//! Fuzz targets for events and HTTP requests: the functions run in this process with local engines.

use std::cell::LazyCell;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engines::Engines;
use functions::api::Api;
use functions::dependencies::Dependencies;
use functions::routes::{ROUTES, Route};
use functions::settings::Settings;
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

/// The functions, and stores with the fixtures that `events/` expect.
struct Harness {
    runtime: Runtime,
    api: Api,
    dependencies: Dependencies,
    _engines: Arc<Engines>,
}

thread_local! {
    static HARNESS: LazyCell<Harness> = LazyCell::new(Harness::new);
}

impl Harness {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let engines = Engines::shared();
        let (tables, buckets) =
            runtime.block_on(async { (engines.tables().await, engines.buckets().await) });
        let mut settings = local::fixtures::settings(&engines.settings(), tables, buckets);
        for action in ["LOGIN", "SIGN_UP"] {
            for key in ["ACCOUNT", "ADDRESS"] {
                settings.push((format!("{action}_ATTEMPTS_PER_{key}"), "1000000".to_owned()));
            }
        }
        let settings = Settings::new(settings);
        let dependencies = Dependencies::new(settings.clone()).expect("settings");
        let api = Api::new(&settings).expect("settings");
        let harness = Self { runtime, api, dependencies, _engines: engines };
        harness.seed();
        harness
    }

    fn seed(&self) {
        let seeded = self.runtime.block_on(local::fixtures::seed(&self.dependencies));
        seeded.expect("a seeded fixture");
    }

    /// Invokes the function of `route`. Panics on a status of 500 or above, or a body that does not fit its type.
    fn check(&self, route: &Route, event: &str) {
        let response = self.runtime.block_on(self.api.invoke(route.name, event));
        let response = response.expect("an existing function");
        let response: Value = serde_json::from_str(&response).expect("JSON");
        let status = response["statusCode"].as_u64().expect("a status");
        let body = response["body"].as_str().expect("a text");
        match status {
            204 | 304 => assert_eq!(body, "", "{response}"),
            200..300 => check_body(body, "application/json", &response),
            400..500 => check_body(body, "application/problem+json", &response),
            _ => panic!("{event}: {response}"),
        }
        // Restore the fixture for the next input.
        if status < 300 && route.method != "GET" {
            self.seed();
        }
    }
}

fn check_body(body: &str, media_type: &str, response: &Value) {
    assert_eq!(response["headers"]["content-type"], media_type, "{response}");
    serde_json::from_str::<Value>(body).unwrap_or_else(|error| panic!("{error}: {response}"));
}

/// Invokes a function with any text as its event. The first byte of the input selects the function.
pub fn event(input: &[u8]) {
    let Some((route, event)) = input.split_first() else {
        return;
    };
    // Lambda events are UTF-8.
    let Ok(event) = str::from_utf8(event) else {
        return;
    };
    let route = &ROUTES[usize::from(*route) % ROUTES.len()];
    HARNESS.with(|harness| harness.check(route, event));
}

/// Parses the input like an HTTP/1.1 request, converts the request to an API Gateway event, and invokes
/// the function of its route with this event.
pub fn request(input: &[u8]) {
    let Some((route, event)) = parse(input) else {
        return;
    };
    HARNESS.with(|harness| harness.check(route, &event.to_string()));
}

fn parse(input: &[u8]) -> Option<(&'static Route, Value)> {
    let at = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = input.split_at(at?);
    let body = &body[2..];
    let mut lines = str::from_utf8(head).ok()?.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (route, parameters) = ROUTES.iter().find_map(|route| {
        let parameters = matches(route.path, path)?;
        (route.method == method).then_some((route, parameters))
    })?;
    let headers: Map<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
        .collect();
    let (body, is_base64_encoded) = match str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(body), true),
    };
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "pathParameters": parameters,
        "requestContext": {"http": {"method": method, "sourceIp": "192.0.2.1"}},
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    });
    Some((route, event))
}

fn matches(pattern: &str, path: &str) -> Option<Map<String, Value>> {
    let parts: Vec<_> = pattern.split('/').collect();
    let values: Vec<_> = path.split('/').collect();
    if parts.len() != values.len() {
        return None;
    }
    let mut parameters = Map::new();
    for (part, value) in parts.into_iter().zip(values) {
        let name = part.strip_prefix('{');
        match name.and_then(|name| name.strip_suffix('}')) {
            Some(name) => {
                parameters.insert(name.to_owned(), value.into());
            }
            None if part == value => {}
            None => return None,
        }
    }
    Some(parameters)
}
