//! From an event to the answer, through every layer: the functions run on engines in this process.

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

/// The functions with the scene that the events expect.
struct World {
    runtime: Runtime,
    api: Api,
    setup: Dependencies,
    _engines: Arc<Engines>,
}

thread_local! {
    static WORLD: LazyCell<World> = LazyCell::new(World::new);
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let engines = Engines::shared();
        let (tables, buckets) =
            runtime.block_on(async { (engines.tables().await, engines.buckets().await) });
        let mut settings = local::fixtures::settings(&engines.settings(), tables, buckets);
        for attempts in ["LOGIN", "SIGN_UP"] {
            for whose in ["ACCOUNT", "ADDRESS"] {
                settings.push((
                    format!("{attempts}_ATTEMPTS_PER_{whose}"),
                    "1000000".to_owned(),
                ));
            }
        }
        let settings = Settings::new(settings);
        let setup = Dependencies::new(settings.clone()).expect("settings");
        let api = Api::new(&settings).expect("settings");
        let world = Self {
            runtime,
            api,
            setup,
            _engines: engines,
        };
        world.fill();
        world
    }

    fn fill(&self) {
        let filled = self.runtime.block_on(local::fixtures::fill(&self.setup));
        filled.expect("the scene is set");
    }

    /// Answers below 500, with a body that is what its type says.
    fn ask(&self, route: &Route, event: &str) {
        let answer = self.runtime.block_on(self.api.invoke(route.name, event));
        let answer = answer.expect("a function");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let status = answer["statusCode"].as_u64().expect("a status");
        let body = answer["body"].as_str().expect("a text");
        match status {
            204 | 304 => assert_eq!(body, "", "{answer}"),
            200..300 => check_body(body, "application/json", &answer),
            400..500 => check_body(body, "application/problem+json", &answer),
            _ => panic!("{event}: {answer}"),
        }
        // What was changed is as before for the next one.
        if status < 300 && route.method != "GET" {
            self.fill();
        }
    }
}

fn check_body(body: &str, media_type: &str, answer: &Value) {
    assert_eq!(answer["headers"]["content-type"], media_type, "{answer}");
    serde_json::from_str::<Value>(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
}

/// Any text as an event of any function: which one, its first byte says.
pub fn event(input: &[u8]) {
    let Some((route, event)) = input.split_first() else {
        return;
    };
    // Lambda hands over UTF-8.
    let Ok(event) = str::from_utf8(event) else {
        return;
    };
    let route = &ROUTES[usize::from(*route) % ROUTES.len()];
    WORLD.with(|world| world.ask(route, event));
}

/// What any client may send: a text like a request of HTTP/1.1, as the event that API Gateway makes
/// of it. It goes to the route that it names, or to none.
pub fn request(input: &[u8]) {
    let Some((route, event)) = read(input) else {
        return;
    };
    WORLD.with(|world| world.ask(route, &event.to_string()));
}

fn read(input: &[u8]) -> Option<(&'static Route, Value)> {
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
