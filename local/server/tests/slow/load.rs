//! The load test: concurrent clients call all routes without pauses. `make test-soak LOAD_SECONDS=600 LOAD_CLIENTS=16`

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use functions::routes::{Access, ROUTES};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::tempdir;
use test_support::client::Call;
use test_support::{Client as Api, Form, PASSWORD, Response, text};

use crate::server::Server;
use crate::{derived, number};

/// The maximum number of rounds, even if `LOAD_SECONDS` have not elapsed.
const MAX_ROUNDS: usize = 10_000;

/// All routes, in the order in which a client calls them in a round. The second login's session revokes the first one.
const ROUND: [&str; 29] = [
    "create_user",
    "login",
    "create_image_upload",
    "create_food",
    "list_food",
    "get_food",
    "like_food",
    "list_likes",
    "list_user_food",
    "similar_food",
    "recommend",
    "unlike_food",
    "like_food",
    "update_food",
    "delete_food",
    "list_users",
    "get_user",
    "get_openapi",
    "get_docs",
    "refresh",
    "login",
    "get_current_user",
    "list_sessions",
    "revoke_session",
    "revoke_sessions",
    "logout",
    "login",
    "change_password",
    "delete_user",
];

/// A client, which creates a new account in each round.
#[derive(Clone, Default)]
struct Client {
    email: String,
    user_id: String,
    access_token: String,
    refresh_token: String,
    food_id: String,
    /// The food of another client.
    other_food_id: String,
    session_id: String,
}

impl Client {
    fn request<'a>(&self, api: &'a Api, name: &str) -> Call<'a> {
        let route = ROUTES.iter().find(|route| route.name == name).unwrap();
        let path = route.path.replace("{user_id}", &self.user_id);
        let food_id = match name {
            "like_food" | "unlike_food" | "similar_food" => &self.other_food_id,
            _ => &self.food_id,
        };
        let path = path.replace("{food_id}", food_id);
        let path = path.replace("{session_id}", &self.session_id);
        let mut call = api.request(route.method.parse().unwrap(), &path);
        if route.access != Access::Anonymous {
            call = call.token(&self.access_token);
        }
        let email = &self.email;
        match name {
            "create_user" => call.json(&json!({
                "first_name": "Ada", "last_name": "Okafor", "email": email, "password": PASSWORD,
            })),
            "login" => call.json(&json!({"email": email, "password": PASSWORD})),
            "refresh" => call.json(&json!({"refresh_token": self.refresh_token})),
            "change_password" => {
                call.json(&json!({"old_password": PASSWORD, "new_password": "another password"}))
            }
            "create_image_upload" => {
                call.json(&json!({"content_type": "image/jpeg", "size": 1000}))
            }
            "create_food" | "update_food" => {
                call.form(Form::food_with_image(&format!("{name} of {email}")))
            }
            _ => call,
        }
    }

    fn read(&mut self, name: &str, response: &Response) {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        match name {
            "create_user" => self.user_id = text(&body["id"]),
            "create_food" => self.food_id = text(&body["id"]),
            "login" | "refresh" | "change_password" => {
                self.access_token = text(&body["access_token"]);
                self.refresh_token = text(&body["refresh_token"]);
            }
            "list_sessions" => {
                let mut sessions = body.as_array().into_iter().flatten();
                let other = sessions.find(|session| session["current"] == false);
                self.session_id = other.map(|other| text(&other["id"])).unwrap_or_default();
            }
            _ => {}
        }
    }
}

/// The measurements of one route over all rounds.
#[derive(Default)]
struct RouteStats {
    latencies: Vec<Duration>,
    /// The CPU time of the server during the calls of this route.
    cpu: Duration,
}

struct Load {
    api: Api,
    server: Server,
    clients: Vec<Client>,
    routes: BTreeMap<&'static str, RouteStats>,
    unexpected: Vec<String>,
}

impl Load {
    /// Runs one round: all clients call the same route concurrently, so that the CPU time belongs to this route.
    async fn round(&mut self, round: usize) {
        for (number, client) in self.clients.iter_mut().enumerate() {
            *client = Client {
                email: format!("client-{number}-{round}@example.com"),
                ..Client::default()
            };
        }
        for name in ROUND {
            let calls = self.clients.iter().map(|client| async {
                let request = client.request(&self.api, name);
                let started = Instant::now();
                (request.try_send().await, started.elapsed())
            });
            let before = self.server.usage().cpu;
            let responses = join_all(calls).await;
            let stats = self.routes.entry(name).or_default();
            stats.cpu += self.server.usage().cpu.saturating_sub(before);
            for (client, (response, latency)) in self.clients.iter_mut().zip(responses) {
                stats.latencies.push(latency);
                match response {
                    Some(response) if response.status < 300 => client.read(name, &response),
                    response => {
                        let response = response.map(|response| (response.status, response.text()));
                        self.unexpected.push(format!("{name}: {response:?}"));
                    }
                }
            }
            let mut foods: Vec<_> =
                self.clients.iter().map(|client| client.food_id.clone()).collect();
            foods.rotate_left(1);
            for (client, food) in self.clients.iter_mut().zip(foods) {
                client.other_food_id = food;
            }
        }
    }

    /// Prints latencies and throughput of each route as a Markdown table. Returns the number of responses.
    fn print(&mut self) -> usize {
        println!("| Route | Responses | p50, ms | p99, ms | Responses per CPU-second |");
        println!("|---|---|---|---|---|");
        let mut responses = 0;
        for (name, stats) in &mut self.routes {
            stats.latencies.sort_unstable();
            let count = stats.latencies.len();
            let ms = |index: usize| stats.latencies[index].as_secs_f64() * 1e3;
            let (p50, p99) = (ms(count / 2), ms(count * 99 / 100));
            let rate = f64::from(u32::try_from(count).unwrap()) / stats.cpu.as_secs_f64();
            println!("| {name} | {count} | {p50:.2} | {p99:.2} | {rate:.0} |");
            responses += count;
        }
        responses
    }
}

#[tokio::test]
async fn all_routes_succeed_under_load() {
    let time = Duration::from_secs(number("LOAD_SECONDS", 10));
    let clients = usize::try_from(number("LOAD_CLIENTS", 8)).unwrap().max(2);
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut load = Load {
        api: Api::new(&server.base_url),
        server,
        clients: vec![Client::default(); clients],
        routes: BTreeMap::new(),
        unexpected: Vec::new(),
    };
    let started = Instant::now();
    let mut memory = Vec::new();
    while memory.is_empty() || started.elapsed() < time && memory.len() < MAX_ROUNDS {
        load.round(memory.len()).await;
        memory.push(load.server.usage().resident / 1024 / 1024);
    }
    let responses = load.print();
    println!(
        "\n{responses} responses in {:.0?} to {clients} clients, {} of them unexpected; memory {} MB after the first round, \
         {} MB after the last, {} MB at most",
        started.elapsed(),
        load.unexpected.len(),
        memory[0],
        memory[memory.len() - 1],
        memory.iter().max().unwrap(),
    );
    load.unexpected.truncate(10);
    assert_eq!(load.unexpected, Vec::<String>::new());
    assert_eq!(load.routes.len(), ROUTES.len(), "a route is missing in ROUND");
    drop(load);
    let local = derived::start(folder.path()).await;
    // All users and foods are deleted, and so their likes.
    assert_eq!(derived::settle(&local).await, 0);
    local.stop().await;
}
