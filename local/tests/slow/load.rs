//! The load run: clients use all routes at full speed. `make test-soak LOAD_SECONDS=600 LOAD_CLIENTS=16`

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::support::api::{Api, Call, Form, jpeg, text};
use crate::support::{Folder, PASSWORD, Program};
use functions::routes::ROUTES;
use futures_util::future::join_all;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// The run ends after so many rounds at the latest.
const MAX_ROUNDS: usize = 10_000;

/// Every route, from the sign-up to the deletion of the account, with the status of success.
const ROUND: [(&str, u16); 21] = [
    ("create_user", 201),
    ("login", 200),
    ("create_image_upload", 201),
    ("create_food", 201),
    ("list_food", 200),
    ("get_food", 200),
    ("update_food", 200),
    ("delete_food", 200),
    ("list_users", 200),
    ("get_user", 200),
    ("get_openapi", 200),
    ("get_docs", 200),
    ("refresh", 201),
    // Another session, and the one before is ended.
    ("login", 200),
    ("list_sessions", 200),
    ("end_session", 204),
    ("end_sessions", 204),
    ("logout", 200),
    ("login", 200),
    ("change_password", 204),
    ("delete_user", 204),
];

/// A client with an account of its own in each round.
#[derive(Clone, Default)]
struct Client {
    email: String,
    user_id: String,
    access_token: String,
    refresh_token: String,
    food_id: String,
    session_id: String,
}

impl Client {
    fn request(&self, api: &Api, name: &str) -> Call {
        let route = ROUTES.iter().find(|route| route.name == name).unwrap();
        let path = route.path.replace("{user_id}", &self.user_id);
        let path = path.replace("{food_id}", &self.food_id);
        let path = path.replace("{session_id}", &self.session_id);
        let mut call = api.request(route.method, &path);
        if route.signed_in {
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
                let form = Form::food(&format!("{name} of {email}"));
                call.form(form.file("food.jpg", &jpeg(64)))
            }
            _ => call,
        }
    }

    fn read(&mut self, name: &str, body: &Value) {
        match name {
            "create_user" => self.user_id = text(&body["id"]),
            "create_food" => self.food_id = text(&body["id"]),
            "login" | "refresh" => {
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

/// The measurements of one route.
#[derive(Default)]
struct Measured {
    latencies: Vec<Duration>,
    /// CPU time of the server.
    cpu: Duration,
}

struct Load {
    api: Api,
    server: Pid,
    clients: Vec<Client>,
    routes: BTreeMap<&'static str, Measured>,
    unexpected: Vec<String>,
}

impl Load {
    /// All clients use one route after the other, each route at once: the CPU time is that of one route.
    async fn round(&mut self, round: usize) {
        for (number, client) in self.clients.iter_mut().enumerate() {
            *client = Client {
                email: format!("client-{number}-{round}@example.com"),
                ..Client::default()
            };
        }
        for (name, status) in ROUND {
            let calls = self.clients.iter().map(|client| async {
                let request = client.request(&self.api, name);
                let begun = Instant::now();
                (request.try_send().await, begun.elapsed())
            });
            let before = cpu_time(self.server);
            let responses = join_all(calls).await;
            let measured = self.routes.entry(name).or_default();
            measured.cpu += cpu_time(self.server) - before;
            for (client, (response, latency)) in self.clients.iter_mut().zip(responses) {
                measured.latencies.push(latency);
                match response {
                    Some(response) if response.status == status => {
                        client.read(name, &response.json());
                    }
                    response => {
                        let found = response.map(|response| (response.status, response.text()));
                        self.unexpected.push(format!("{name}: {found:?}"));
                    }
                }
            }
        }
    }

    /// Prints the table. Returns the number of responses.
    fn print(&mut self) -> usize {
        println!("| Route | Responses | p50, ms | p99, ms | Responses per CPU-second |");
        println!("|---|---|---|---|---|");
        let mut responses = 0;
        for (name, measured) in &mut self.routes {
            measured.latencies.sort_unstable();
            let count = measured.latencies.len();
            let ms = |index: usize| measured.latencies[index].as_secs_f64() * 1e3;
            let (p50, p99) = (ms(count / 2), ms(count * 99 / 100));
            let rate = f64::from(u32::try_from(count).unwrap()) / measured.cpu.as_secs_f64();
            println!("| {name} | {count} | {p50:.2} | {p99:.2} | {rate:.0} |");
            responses += count;
        }
        responses
    }
}

#[tokio::test]
async fn load_meets_no_unexpected_status() {
    let number =
        |name: &str, default| std::env::var(name).map_or(default, |number| number.parse().unwrap());
    let time = Duration::from_secs(number("LOAD_SECONDS", 10));
    let clients = usize::try_from(number("LOAD_CLIENTS", 8)).unwrap();
    let folder = Folder::new();
    let program = Program::unlimited(&folder.path);
    let mut load = Load {
        api: Api::new(&program.client.url("")),
        server: Pid::from_raw(program.id().try_into().unwrap()),
        clients: vec![Client::default(); clients],
        routes: BTreeMap::new(),
        unexpected: Vec::new(),
    };
    let begun = Instant::now();
    let mut memory = Vec::new();
    while memory.is_empty() || begun.elapsed() < time && memory.len() < MAX_ROUNDS {
        load.round(memory.len()).await;
        memory.push(resident_mb(load.server));
    }
    let responses = load.print();
    println!(
        "\n{responses} responses in {:.0?} to {clients} clients, {} of them unexpected; memory {} MB after the first round, \
         {} MB after the last, {} MB at most",
        begun.elapsed(),
        load.unexpected.len(),
        memory[0],
        memory[memory.len() - 1],
        memory.iter().max().unwrap(),
    );
    load.unexpected.truncate(10);
    assert_eq!(load.unexpected, Vec::<String>::new());
    assert_eq!(
        load.routes.len(),
        ROUTES.len(),
        "a route is missing in ROUND"
    );
}

/// The CPU time of a process until now.
fn cpu_time(process: Pid) -> Duration {
    let clock = clock_getcpuclockid(process).unwrap();
    clock_gettime(clock).unwrap().into()
}

/// `VmRSS` of proc(5).
fn resident_mb(process: Pid) -> u32 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kb.unwrap().parse::<u32>().unwrap() / 1024
}
