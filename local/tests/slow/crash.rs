//! The crash test: `kill -9` while clients write and while the server starts. `make test-crash CRASH_KILLS=200`

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::api::{Api, Call, Form, jpeg, text};
use crate::support::{Folder, PASSWORD, Program, command, path};
use engines::{Stored, TableNames};
use futures_util::future::join_all;
use image::ImageReader;
use local::{Local, Options, Storage};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

const CLIENTS: usize = 6;
const MAX_FOODS: usize = 8;
/// The server is killed after so many acknowledged writes at most.
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
}

impl Write {
    /// The status of success.
    fn status(&self) -> u16 {
        match self {
            Self::SignUp(_) | Self::CreateFood(_) => 201,
            Self::DeleteUser => 204,
            _ => 200,
        }
    }
}

#[derive(Default)]
struct Account {
    /// Empty before the sign-up.
    id: String,
    email: String,
    /// The access token of the session, `None` after a logout.
    token: Option<String>,
    /// The access token of a session that was ended.
    revoked: Option<String>,
    /// By id, without URLs: these have the port in them.
    foods: BTreeMap<String, Value>,
}

/// A client that writes, one request after the other, and knows which writes were acknowledged.
#[derive(Default)]
struct Client {
    number: usize,
    names: u32,
    account: Account,
    /// The write that got no response.
    interrupted: Option<Write>,
}

impl Client {
    /// Writes until the server is gone.
    async fn run(&mut self, api: &Api, acknowledged: &Semaphore) {
        loop {
            let write = self.choose();
            let Some(response) = self.request(api, &write).try_send().await else {
                self.interrupted = Some(write);
                return;
            };
            let text = response.text();
            assert_eq!(response.status, write.status(), "{write:?}: {text}");
            self.apply(write, &response.json());
            acknowledged.add_permits(1);
        }
    }

    fn choose(&mut self) -> Write {
        self.names += 1;
        let title = format!("Soup {} {}", self.number, self.names);
        let account = &self.account;
        if account.id.is_empty() {
            let email = format!("client-{}-{}@example.com", self.number, self.names);
            return Write::SignUp(email);
        }
        if account.token.is_none() {
            return Write::Login;
        }
        let is_full = account.foods.len() >= MAX_FOODS;
        let food = fastrand::choice(account.foods.keys()).cloned();
        match (fastrand::u8(..100), food) {
            (0..3, _) => Write::DeleteUser,
            (3..10, _) => Write::Logout,
            (10..40, Some(food)) => Write::UpdateFood(food, title),
            (40.., Some(food)) if is_full => Write::DeleteFood(food),
            (40..55, Some(food)) => Write::DeleteFood(food),
            _ => Write::CreateFood(title),
        }
    }

    fn request(&self, api: &Api, write: &Write) -> Call {
        let token = self.account.token.as_deref().unwrap_or_default();
        let signed_in = |method, path: &str| api.request(method, path).token(token);
        let form = |title: &str| Form::food(title).file("food.jpg", &jpeg(width(title)));
        match write {
            Write::SignUp(email) => api.request("POST", "/users").json(&json!({
                "first_name": "Ada", "last_name": "Okafor", "email": email, "password": PASSWORD,
            })),
            Write::Login => login(api, &self.account.email),
            Write::Logout => signed_in("POST", "/logout"),
            Write::DeleteUser => signed_in("DELETE", "/users/me"),
            Write::CreateFood(title) => signed_in("POST", "/food").form(form(title)),
            Write::UpdateFood(id, title) => {
                signed_in("PUT", &format!("/food/{id}")).form(form(title))
            }
            Write::DeleteFood(id) => signed_in("DELETE", &format!("/food/{id}")),
        }
    }

    /// Notes a write that was done.
    fn apply(&mut self, write: Write, response: &Value) {
        let account = &mut self.account;
        match write {
            Write::SignUp(email) => {
                account.email = email;
                account.id = text(&response["id"]);
            }
            Write::Login => account.token = Some(text(&response["access_token"])),
            Write::Logout => account.revoked = account.token.take(),
            Write::DeleteUser => *account = Account::default(),
            Write::CreateFood(title) | Write::UpdateFood(_, title) => {
                assert_eq!(response["title"], title);
                let id = text(&response["id"]);
                account.foods.insert(id, without_urls(response));
            }
            Write::DeleteFood(id) => {
                account.foods.remove(&id);
            }
        }
    }

    /// Finds out whether an interrupted write of the account was done.
    async fn settle(&mut self, api: &Api) {
        match self.interrupted.take() {
            Some(Write::SignUp(email)) => {
                let response = login(api, &email).try_send().await.unwrap();
                if response.status != 401 {
                    self.apply(Write::SignUp(email), &response.json());
                    self.apply(Write::Login, &response.json());
                }
            }
            // Done before, it has revoked the token.
            Some(write @ (Write::Logout | Write::DeleteUser)) => {
                let response = self.request(api, &write).try_send().await.unwrap();
                let is_done = response.status == write.status() || response.status == 401;
                assert!(is_done, "{write:?}: {}", response.text());
                self.apply(write, &Value::Null);
            }
            write => self.interrupted = write,
        }
    }

    /// The foods are those of the acknowledged writes; an interrupted write is wholly done or not at all.
    fn check_foods(&mut self, stored: BTreeMap<String, Value>) {
        let interrupted = self.interrupted.take();
        match &interrupted {
            Some(Write::CreateFood(title) | Write::UpdateFood(_, title)) => {
                let mut foods = stored.values();
                if let Some(food) = foods.find(|food| food["title"] == title.as_str()) {
                    self.apply(interrupted.unwrap(), food);
                }
            }
            Some(Write::DeleteFood(id)) if !stored.contains_key(id) => {
                self.account.foods.remove(id);
            }
            _ => {}
        }
        assert_eq!(stored, self.account.foods);
    }

    /// The session is that of the acknowledged writes.
    async fn check_session(&self, api: &Api) {
        let Account { token, revoked, .. } = &self.account;
        for (token, expected) in [(token, 200), (revoked, 401)] {
            let Some(token) = token else { continue };
            let sessions = api.request("GET", "/sessions").token(token);
            let response = sessions.try_send().await.unwrap();
            assert_eq!(response.status, expected, "{}", response.text());
        }
    }
}

fn login(api: &Api, email: &str) -> Call {
    let body = json!({"email": email, "password": PASSWORD});
    api.request("POST", "/login").json(&body)
}

/// The width of the image of a food, by which it differs from other images.
fn width(title: &str) -> u32 {
    let (_, number) = title.rsplit_once(' ').unwrap();
    16 + number.parse::<u32>().unwrap() % 1000
}

fn without_urls(food: &Value) -> Value {
    let mut food = food.clone();
    let members = food.as_object_mut().unwrap();
    members.remove("food_image");
    members.remove("images");
    food
}

#[tokio::test]
async fn kill_loses_no_acknowledged_write() {
    let kills = std::env::var("CRASH_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let folder = Folder::new();
    let begun = Instant::now();
    let mut program = Program::unlimited(&folder.path);
    let start_time = begun.elapsed();
    let client = |number| Client {
        number,
        ..Client::default()
    };
    let mut clients: Vec<_> = (0..CLIENTS).map(client).collect();
    let (mut killed, mut writes) = (0, 0);
    while killed < kills {
        let api = Api::new(&program.client.url(""));
        let acknowledged = Semaphore::new(0);
        let limit = fastrand::u32(1..=MAX_WRITES);
        let crash = async {
            acknowledged.acquire_many(limit).await.unwrap().forget();
            // In the middle of a request.
            tokio::time::sleep(Duration::from_micros(fastrand::u64(..20_000))).await;
            program.kill();
        };
        let clients_run = clients
            .iter_mut()
            .map(|client| client.run(&api, &acknowledged));
        tokio::join!(crash, join_all(clients_run));
        writes += limit as usize + acknowledged.available_permits();
        killed += 1;
        if killed < kills && fastrand::u8(..3) == 0 {
            let mut starting = command(&["--port", "0", "--data-dir"]);
            let mut starting = starting
                .arg(&folder.path)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            tokio::time::sleep(start_time.mul_f64(fastrand::f64())).await;
            starting.kill().unwrap();
            starting.wait().unwrap();
            killed += 1;
        }
        check_stored(&folder.path).await;
        program = Program::unlimited(&folder.path);
        check(&mut clients, &Api::new(&program.client.url(""))).await;
    }
    println!("{killed} kills, {writes} acknowledged writes, none lost");
}

/// The tables and the bucket do not contradict each other.
async fn check_stored(folder: &Path) {
    let options = Options {
        storage: Storage::Dir(folder.to_owned()),
        engines_only: true,
        ..Options::default()
    };
    let local = Local::start(options).await.unwrap();
    let aws = local.aws();
    let tables = TableNames::with_prefix("");
    let stored = Stored::read(&aws.dynamodb(), &aws.s3(), &tables, "images").await;
    local.stop().await;
    assert_eq!(stored.contradictions(), Vec::<String>::new());
}

/// Users, foods and sessions are those of the clients, and there are no others.
async fn check(clients: &mut [Client], api: &Api) {
    for client in &mut *clients {
        client.settle(api).await;
    }
    let users = api.list("/users?limit=100").await;
    let users: BTreeSet<_> = users.iter().map(|user| text(&user["id"])).collect();
    let accounts = clients.iter().map(|client| client.account.id.clone());
    assert_eq!(users, accounts.filter(|id| !id.is_empty()).collect());
    let mut foods = BTreeMap::<String, BTreeMap<String, Value>>::new();
    for food in api.list("/food?limit=100").await {
        let url = text(&food["food_image"]);
        let image = api.request("GET", path(&url)).try_send().await.unwrap();
        let image = ImageReader::new(Cursor::new(&image.body));
        let (shown, _) = image
            .with_guessed_format()
            .unwrap()
            .into_dimensions()
            .unwrap();
        assert_eq!(shown, width(&text(&food["title"])), "{url}");
        let of_user = foods.entry(text(&food["user_id"])).or_default();
        of_user.insert(text(&food["id"]), without_urls(&food));
    }
    for client in clients {
        client.check_foods(foods.remove(&client.account.id).unwrap_or_default());
        client.check_session(api).await;
    }
    assert_eq!(foods, BTreeMap::new(), "foods of nobody");
}
