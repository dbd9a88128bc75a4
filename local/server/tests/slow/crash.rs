//! The crash test: kills the server while clients write, and during starts. `make test-crash CRASH_KILLS=200`

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use engines::{Snapshot, TableNames};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::tempdir;
use test_support::client::Call;
use test_support::{Client as Api, Form, PASSWORD, Response, text};
use tokio::sync::Semaphore;

use crate::server::{Server, kill, spawn};
use crate::{derived, number};

const CLIENTS: usize = 6;
const MAX_FOODS: usize = 8;
/// The maximum number of acknowledged writes of all clients before the server is killed.
const MAX_WRITES: u32 = 40;

#[derive(Debug, Clone)]
enum Write {
    SignUp(String),
    Login,
    Logout,
    DeleteUser,
    CreateFood(String),
    UpdateFood(String, String),
    DeleteFood(String),
    Like(String),
    Unlike(String),
}

/// A client that sends one write after the other, and the data that its acknowledged writes must have stored.
#[derive(Default)]
struct Client {
    number: usize,
    names: u32,
    /// The id of the client's account; empty if the client has no account.
    user_id: String,
    email: String,
    /// The access token of the current session; `None` if the client is logged out.
    token: Option<String>,
    /// The access token of the last revoked session; `None` before the first logout.
    revoked: Option<String>,
    /// The JSON of the client's foods by id. URLs are paths, because the port changes with each start.
    foods: BTreeMap<String, Value>,
    /// The ids of the foods that the client likes. Their owners may have deleted them.
    likes: BTreeSet<String>,
    /// The ids of foods of other clients. They may be deleted.
    other_foods: Vec<String>,
    /// The write that was interrupted by the kill; `None` if all writes have a response.
    interrupted: Option<Write>,
}

impl Client {
    /// Sends random writes until the server is killed; adds a permit to `acknowledged` for each successful write.
    async fn run(&mut self, api: &Api, acknowledged: &Semaphore) {
        loop {
            let write = self.choose();
            let Some(response) = self.request(api, &write).try_send().await else {
                self.interrupted = Some(write);
                return;
            };
            if response.status == 404 && matches!(write, Write::Like(_) | Write::Unlike(_)) {
                continue;
            }
            assert!(response.status < 300, "{write:?}: {}", response.text());
            self.apply(write, &body(api, &response));
            acknowledged.add_permits(1);
        }
    }

    fn choose(&mut self) -> Write {
        self.names += 1;
        let title = format!("Soup {} {}", self.number, self.names);
        if self.user_id.is_empty() {
            let email = format!("client-{}-{}@example.com", self.number, self.names);
            return Write::SignUp(email);
        }
        if self.token.is_none() {
            return Write::Login;
        }
        if let (Some(food), 0..40) = (fastrand::choice(&self.other_foods), fastrand::u8(..100)) {
            let is_liked = self.likes.contains(food);
            return if is_liked { Write::Unlike(food.clone()) } else { Write::Like(food.clone()) };
        }
        let is_full = self.foods.len() >= MAX_FOODS;
        let food = fastrand::choice(self.foods.keys()).cloned();
        match (fastrand::u8(..100), food) {
            (0..3, _) => Write::DeleteUser,
            (3..10, _) => Write::Logout,
            (10..40, Some(food)) => Write::UpdateFood(food, title),
            (40.., Some(food)) if is_full => Write::DeleteFood(food),
            (40..55, Some(food)) => Write::DeleteFood(food),
            _ => Write::CreateFood(title),
        }
    }

    fn request<'a>(&self, api: &'a Api, write: &Write) -> Call<'a> {
        let token = self.token.as_deref().unwrap_or_default();
        match write {
            Write::SignUp(email) => api.post("/users").json(&json!({
                "first_name": "Ada", "last_name": "Okafor", "email": email, "password": PASSWORD,
            })),
            Write::Login => login(api, &self.email),
            Write::Logout => api.post("/logout").token(token),
            Write::DeleteUser => api.delete("/users/me").token(token),
            Write::CreateFood(title) => {
                api.post("/food").token(token).form(Form::food_with_image(title))
            }
            Write::UpdateFood(id, title) => {
                api.put(&format!("/food/{id}")).token(token).form(Form::food_with_image(title))
            }
            Write::DeleteFood(id) => api.delete(&format!("/food/{id}")).token(token),
            Write::Like(id) => api.put(&format!("/food/{id}/like")).token(token),
            Write::Unlike(id) => api.delete(&format!("/food/{id}/like")).token(token),
        }
    }

    /// Applies a completed write to the expected data.
    fn apply(&mut self, write: Write, response: &Value) {
        match write {
            Write::SignUp(email) => {
                self.email = email;
                self.user_id = text(&response["id"]);
            }
            Write::Login => self.token = Some(text(&response["access_token"])),
            Write::Logout => self.revoked = self.token.take(),
            Write::DeleteUser => {
                *self = Self { number: self.number, names: self.names, ..Self::default() };
            }
            Write::CreateFood(title) | Write::UpdateFood(_, title) => {
                assert_eq!(response["title"], title);
                let id = text(&response["id"]);
                self.foods.insert(id, without_likes(response.clone()));
            }
            Write::DeleteFood(id) => {
                self.foods.remove(&id);
            }
            Write::Like(id) => {
                self.likes.insert(id);
            }
            Write::Unlike(id) => {
                self.likes.remove(&id);
            }
        }
    }

    /// Finds out by requests whether an interrupted write of the account or session was done, and applies a done write.
    async fn reconcile(&mut self, api: &Api) {
        match self.interrupted.take() {
            Some(Write::SignUp(email)) => {
                let response = login(api, &email).send().await;
                if response.status != 401 {
                    self.apply(Write::SignUp(email), &body(api, &response));
                    self.apply(Write::Login, &body(api, &response));
                }
            }
            // 401: the interrupted write was done and has revoked the token.
            Some(write @ (Write::Logout | Write::DeleteUser)) => {
                let response = self.request(api, &write).send().await;
                let is_done = matches!(response.status, 200 | 204 | 401);
                assert!(is_done, "{write:?}: {}", response.text());
                self.apply(write, &Value::Null);
            }
            // Both are idempotent.
            Some(write @ (Write::Like(_) | Write::Unlike(_))) => {
                let response = self.request(api, &write).send().await;
                assert!(matches!(response.status, 200 | 404), "{write:?}: {}", response.text());
                self.apply(write, &Value::Null);
            }
            write => self.interrupted = write,
        }
    }

    /// Asserts that the stored foods are those of the acknowledged writes; an interrupted write is complete or absent.
    fn check_foods(&mut self, stored: &BTreeMap<String, Value>) {
        let interrupted = self.interrupted.take();
        match &interrupted {
            Some(Write::CreateFood(title) | Write::UpdateFood(_, title)) => {
                let mut foods = stored.values();
                if let Some(food) = foods.find(|food| food["title"] == title.as_str()) {
                    self.apply(interrupted.unwrap(), food);
                }
            }
            Some(Write::DeleteFood(id)) if !stored.contains_key(id) => {
                self.foods.remove(id);
            }
            _ => {}
        }
        assert_eq!(*stored, self.foods);
    }

    /// Asserts that the stored likes are those of the acknowledged writes, of foods that still exist.
    async fn check_likes(&mut self, api: &Api, foods: &BTreeSet<String>) {
        self.likes.retain(|food| foods.contains(food));
        let own = |food: &&String| !self.foods.contains_key(*food);
        self.other_foods = foods.iter().filter(own).cloned().collect();
        let Some(token) = &self.token else { return };
        let response = api.get("/users/me/likes?limit=100").token(token).send().await;
        assert_eq!(response.status, 200, "{}", response.text());
        let stored = response.json();
        let stored: BTreeSet<_> =
            stored.as_array().unwrap().iter().map(|food| text(&food["id"])).collect();
        assert_eq!(stored, self.likes);
    }

    async fn check_session(&self, api: &Api) {
        for (token, expected) in [(&self.token, 200), (&self.revoked, 401)] {
            let Some(token) = token else { continue };
            let response = api.get("/sessions").token(token).send().await;
            assert_eq!(response.status, expected, "{}", response.text());
        }
    }
}

fn login<'a>(api: &'a Api, email: &str) -> Call<'a> {
    let body = json!({"email": email, "password": PASSWORD});
    api.post("/login").json(&body)
}

/// Removes the number of likes, which lags behind in lists.
fn without_likes(mut food: Value) -> Value {
    let likes = food.as_object_mut().unwrap().remove("likes");
    assert!(likes.is_none_or(|likes| likes.is_u64()));
    food
}

/// Returns the JSON of the response with paths instead of URLs; null if the body is empty.
fn body(api: &Api, response: &Response) -> Value {
    let text = response.text().replace(&api.url(""), "");
    serde_json::from_str(&text).unwrap_or_default()
}

#[tokio::test]
async fn server_kill_loses_no_acknowledged_write() {
    let kills = number("CRASH_KILLS", 20);
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let started = Instant::now();
    let mut server = Server::start(folder);
    let start_time = started.elapsed();
    let client = |number| Client { number, ..Client::default() };
    let mut clients: Vec<_> = (0..CLIENTS).map(client).collect();
    let (mut killed, mut writes) = (0, 0);
    while killed < kills {
        let api = Api::new(&server.base_url);
        let acknowledged = Semaphore::new(0);
        let limit = fastrand::u32(1..=MAX_WRITES);
        let crash = async {
            acknowledged.acquire_many(limit).await.unwrap().forget();
            // In the middle of a request.
            tokio::time::sleep(Duration::from_micros(fastrand::u64(..20_000))).await;
            drop(server);
        };
        let clients_run = clients.iter_mut().map(|client| client.run(&api, &acknowledged));
        tokio::join!(crash, join_all(clients_run));
        writes += limit as usize + acknowledged.available_permits();
        killed += 1;
        if killed < kills && fastrand::u8(..3) == 0 {
            let mut starting = spawn(folder);
            tokio::time::sleep(start_time.mul_f64(fastrand::f64())).await;
            kill(&mut starting);
            killed += 1;
        }
        check_stored(folder).await;
        server = Server::start(folder);
        check(&mut clients, &Api::new(&server.base_url)).await;
    }
    println!("{killed} kills, {writes} acknowledged writes, none lost");
}

/// Asserts that the tables and the bucket of images in the data dir `folder` are consistent, once the streams are delivered.
async fn check_stored(folder: &Path) {
    let local = derived::start(folder).await;
    derived::settle(&local).await;
    let aws = local.aws();
    let tables = TableNames::with_prefix("");
    let snapshot = Snapshot::read(&aws.dynamodb(), &aws.s3(), &tables, "images").await;
    local.stop().await;
    assert_eq!(snapshot.violations(), Vec::<String>::new());
}

/// Asserts that the stored users, foods, likes and sessions are exactly those that the clients expect.
async fn check(clients: &mut [Client], api: &Api) {
    for client in &mut *clients {
        client.reconcile(api).await;
    }
    let users = api.list("/users?limit=100").await;
    let users: BTreeSet<_> = users.iter().map(|user| text(&user["id"])).collect();
    let accounts = clients.iter().map(|client| client.user_id.clone());
    assert_eq!(users, accounts.filter(|id| !id.is_empty()).collect());
    let mut foods = BTreeMap::<String, BTreeMap<String, Value>>::new();
    for food in api.list("/food?limit=100").await {
        let food = food.to_string().replace(&api.url(""), "");
        let food: Value = serde_json::from_str(&food).unwrap();
        let image = api.get(&text(&food["food_image"])).send().await;
        assert_eq!(image.status, 200, "{food}");
        let user_foods = foods.entry(text(&food["user_id"])).or_default();
        user_foods.insert(text(&food["id"]), without_likes(food));
    }
    let ids: BTreeSet<_> = foods.values().flat_map(BTreeMap::keys).cloned().collect();
    for client in clients {
        client.check_foods(&foods.remove(&client.user_id).unwrap_or_default());
        client.check_likes(api, &ids).await;
        client.check_session(api).await;
    }
    assert_eq!(foods, BTreeMap::new(), "foods without an owner");
}
