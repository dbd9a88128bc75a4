//! Somebody who uses the API, and knows what it should answer.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Wrong;
use super::api::{Answer, Api, Asked};
use super::board::Board;

const PICTURE: &[u8] = include_bytes!("../../../events/jollof.jpg");
const BOUNDARY: &str = "a-boundary-of-the-soak";
/// So many foods are enough.
const FOODS: usize = 8;
/// So many logins beside the one in use.
const SESSIONS: usize = 4;

/// What a step led to: what is wrong, or whether it was answered at all.
type Step = Result<Answered, Wrong>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Yes,
    No,
}

/// What became of it, nobody knows: the answer did not come.
#[derive(Debug, Clone)]
enum Unsettled {
    /// Nothing was to be changed.
    Reading,
    SignUp(Account),
    Login,
    Refresh,
    Logout,
    EndSession(usize),
    EndSessions,
    ChangePassword(String),
    Leave,
    Create(Draft, Option<String>),
    Update(String, Draft),
    Delete(String),
}

#[derive(Debug, Clone)]
struct Account {
    id: String,
    first_name: String,
    email: String,
    password: String,
    /// The login in use.
    here: Session,
    others: Vec<Session>,
    /// How many sessions there may be that nobody knows of.
    strays: usize,
    foods: BTreeMap<String, Food>,
}

#[derive(Debug, Clone, Default)]
struct Session {
    access: String,
    refresh: String,
}

impl Session {
    fn read(body: &Value) -> Self {
        Self {
            access: text(&body["access_token"]),
            refresh: text(&body["refresh_token"]),
        }
    }

    /// The claim `sid` of its access token.
    fn id(&self) -> String {
        let claims = self.access.split('.').nth(1).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
        let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
        text(&claims["sid"])
    }
}

/// A food as it was answered last.
#[derive(Debug, Clone)]
struct Food {
    body: Value,
    tag: String,
    picture: Vec<u8>,
}

/// A food as it is to be.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    title: String,
    description: String,
    picture: Option<Vec<u8>>,
}

impl Draft {
    /// With a picture.
    pub(super) fn new(title: String, description: String) -> Self {
        let picture = picture(&title);
        Self {
            title,
            description,
            picture: Some(picture),
        }
    }

    fn form(&self) -> Vec<u8> {
        let mut form = Vec::new();
        for (name, value) in [("title", &self.title), ("description", &self.description)] {
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            form.extend(head.as_bytes());
        }
        if let Some(picture) = &self.picture {
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"food_image\"; filename=\"a.jpg\"\r\n\r\n"
            );
            form.extend(head.as_bytes());
            form.extend(picture);
            form.extend(b"\r\n");
        }
        form.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        form
    }

    pub(super) fn asked(&self, token: &str) -> Asked {
        let asked = Asked {
            body: self.form(),
            ..Asked::by(token)
        };
        asked.header(
            "content-type",
            format!("multipart/form-data; boundary={BOUNDARY}"),
        )
    }
}

/// A picture that no other title has: the steps of its brightness are the title's.
fn picture(title: &str) -> Vec<u8> {
    let mut picture = PICTURE.to_vec();
    let table = picture.windows(2).position(|pair| pair == [0xFF, 0xDB]);
    let table = table.expect("a quantisation table") + 5;
    let mut hasher = DefaultHasher::new();
    title.hash(&mut hasher);
    for (step, byte) in picture[table..]
        .iter_mut()
        .zip(hasher.finish().to_le_bytes())
    {
        *step = byte.max(1);
    }
    picture
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Where the server listens does not matter, nor whether the variants of the picture are made already: the
/// picture itself stands for it.
fn comparable(food: &Value) -> Value {
    let mut food = food.clone();
    let path = path_of(&text(&food["food_image"]));
    let picture = match path.strip_prefix("/images/variants/") {
        Some(variant) => {
            let picture = variant.rsplit_once('/').map_or("", |(picture, _)| picture);
            format!("/images/foods/{picture}")
        }
        None => path,
    };
    food["food_image"] = picture.into();
    if let Some(food) = food.as_object_mut() {
        food.remove("images");
    }
    food
}

/// A tag without what says that variants are shown.
fn version(tag: &str) -> String {
    tag.replace("v\"", "\"")
}

pub(super) fn path_of(url: &str) -> String {
    let at = url.find("/images/").unwrap_or_default();
    url[at..].to_owned()
}

fn check(is_so: bool, what: &str, answer: &Answer) -> Result<(), Wrong> {
    if is_so {
        Ok(())
    } else {
        Err(format!("{what}: {}", answer.text()))
    }
}

fn check_status(status: u16, what: &str, answer: &Answer) -> Result<(), Wrong> {
    check(
        answer.status == status,
        &format!("{what} should be {status}"),
        answer,
    )
}

fn check_problem(status: u16, code: &str, answer: &Answer) -> Result<(), Wrong> {
    let is_so = answer.status == status && answer.json()[code].is_string();
    check(is_so, &format!("should be {status} {code}"), answer)
}

/// Ends a step where no answer came: what was asked stays to be settled.
macro_rules! answered {
    ($self:ident, $sent:expr, $unsettled:expr) => {
        match $sent.await {
            Some(answer) => answer,
            None => {
                $self.unsettled = Some($unsettled);
                return Ok(Answered::No);
            }
        }
    };
}

mod foods;
mod sessions;
mod settle;

/// Somebody who uses the API.
pub struct Member {
    nth: usize,
    made: usize,
    random: fastrand::Rng,
    api: Api,
    board: Arc<Board>,
    account: Option<Account>,
    unsettled: Option<Unsettled>,
}

impl Member {
    /// Without an account yet.
    pub fn new(nth: usize, api: Api, board: Arc<Board>, seed: u64) -> Self {
        Self {
            nth,
            made: 0,
            random: fastrand::Rng::with_seed(seed.wrapping_add(nth as u64)),
            api,
            board,
            account: None,
            unsettled: None,
        }
    }

    /// Whether the last request was not answered.
    pub fn is_cut_off(&self) -> bool {
        self.unsettled.is_some()
    }

    /// Does one thing more.
    pub async fn go_on(&mut self) -> Result<(), Wrong> {
        let Some(account) = &self.account else {
            return self.sign_up().await.map(drop);
        };
        let foods = account.foods.len();
        let choice = self.random.u32(0..1000);
        let step = match choice {
            0..200 if foods > 0 => Box::pin(self.show_own()).await,
            0..300 => Box::pin(self.show_any()).await,
            300..370 if foods > 0 => Box::pin(self.not_modified()).await,
            300..470 => Box::pin(self.list_foods()).await,
            470..510 => Box::pin(self.list_users()).await,
            510..570 | 997.. => Box::pin(self.show_user()).await,
            570..640 if foods > 0 => Box::pin(self.show_picture()).await,
            640..700 if foods > 0 => Box::pin(self.update()).await,
            700..880 if foods >= FOODS || (foods > 0 && choice < 760) => {
                Box::pin(self.delete()).await
            }
            880..920 => Box::pin(self.refresh()).await,
            920..950 => Box::pin(self.list_sessions()).await,
            950..970 => Box::pin(self.refused()).await,
            970..976 => Box::pin(self.login()).await,
            976..982 => Box::pin(self.end_one()).await,
            982..985 => Box::pin(self.end_others()).await,
            985..989 => Box::pin(self.log_out()).await,
            989..992 => Box::pin(self.change_password()).await,
            992..995 => Box::pin(self.wrong_password()).await,
            995..997 => Box::pin(self.leave()).await,
            _ => Box::pin(self.create()).await,
        };
        step.map(drop)
    }

    fn account(&mut self) -> &mut Account {
        self.account.as_mut().expect("only members go on")
    }

    fn token(&mut self) -> String {
        self.account().here.access.clone()
    }

    fn next_name(&mut self) -> String {
        self.made += 1;
        format!("{} {}", self.nth, self.made)
    }

    fn next_draft(&mut self) -> Draft {
        let name = self.next_name();
        let words = self.random.usize(1..60);
        let text = vec!["rice &amp; beans"; words].join(" ");
        Draft::new(format!("Soup {name}"), format!("<p>{text}</p>"))
    }

    fn some_food(&mut self) -> (String, Food) {
        let choice = self.random.usize(..);
        let foods = &self.account().foods;
        let nth = choice % foods.len();
        let (id, food) = foods.iter().nth(nth).expect("there are some");
        (id.clone(), food.clone())
    }

    async fn sign_up(&mut self) -> Step {
        let name = self.next_name().replace(' ', "-");
        let account = Account {
            id: String::new(),
            first_name: format!("Member {name}"),
            email: format!("member-{name}@example.com"),
            password: format!("the password of {name}"),
            here: Session::default(),
            others: Vec::new(),
            strays: 0,
            foods: BTreeMap::new(),
        };
        let body = json!({
            "first_name": account.first_name, "last_name": "Soaked",
            "email": account.email, "password": account.password,
        });
        let sent = self.api.send(
            "create_user",
            "POST",
            "/users",
            Asked::default().json(&body),
        );
        let answer = answered!(self, sent, Unsettled::SignUp(account));
        check_status(201, "a new address", &answer)?;
        let id = text(&answer.json()["id"]);
        let expected = json!({"id": id, "first_name": account.first_name, "last_name": "Soaked"});
        check(answer.json() == expected, "the new user", &answer)?;
        self.sign_in(Account { id, ..account }).await
    }

    /// The first login of an account that is there.
    async fn sign_in(&mut self, account: Account) -> Step {
        self.account = Some(account);
        let sent = self.send_login();
        let answer = answered!(self, sent, Unsettled::Login);
        check_status(200, "the right password", &answer)?;
        self.account().here = Session::read(&answer.json());
        Ok(Answered::Yes)
    }

    fn send_login(&self) -> impl Future<Output = Option<Answer>> + use<> {
        let account = self.account.as_ref().expect("only members log in");
        let body = json!({"email": account.email, "password": account.password});
        let api = self.api.clone();
        async move {
            api.send("login", "POST", "/login", Asked::default().json(&body))
                .await
        }
    }

    async fn list_users(&mut self) -> Step {
        let sent = self
            .api
            .send("list_users", "GET", "/users", Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        check_status(200, "the list", &answer)?;
        let users = answer.json();
        let account = self.account();
        let me = json!({"id": account.id, "first_name": account.first_name, "last_name": "Soaked"});
        let is_there = users.as_array().is_some_and(|users| users.contains(&me));
        check(is_there, &format!("the list has {me}"), &answer)?;
        Ok(Answered::Yes)
    }

    async fn show_user(&mut self) -> Step {
        let account = self.account();
        let me = json!({"id": account.id, "first_name": account.first_name, "last_name": "Soaked"});
        let path = format!("/users/{}", account.id);
        let sent = self.api.send("get_user", "GET", &path, Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        check(
            answer.status == 200 && answer.json() == me,
            &me.to_string(),
            &answer,
        )?;
        Ok(Answered::Yes)
    }

    /// What somebody else may not do, or nobody.
    async fn refused(&mut self) -> Step {
        let token = self.token();
        let (status, code, sent) = match self.random.u8(0..6) {
            0 => (
                401,
                "error",
                self.api
                    .send("refused", "GET", "/sessions", Asked::default()),
            ),
            1 => (
                401,
                "error",
                self.api.send(
                    "refused",
                    "POST",
                    "/logout",
                    Asked::by(&format!("{token}x")),
                ),
            ),
            2 => (
                400,
                "invalid_request",
                self.api
                    .send("refused", "GET", "/food/soup", Asked::default()),
            ),
            3 => {
                let asked = Asked::default().json(&json!({"email": "nobody", "password": ""}));
                (
                    422,
                    "invalid_email",
                    self.api.send("refused", "POST", "/login", asked),
                )
            }
            4 => {
                let email = &self
                    .account
                    .as_ref()
                    .expect("a member")
                    .email
                    .to_uppercase();
                let body = json!({"first_name": "A", "last_name": "B", "email": email, "password": "another password"});
                (
                    409,
                    "email_taken",
                    self.api.send(
                        "create_user",
                        "POST",
                        "/users",
                        Asked::default().json(&body),
                    ),
                )
            }
            _ => {
                let Some((id, _)) = self.board.any(self.random.usize(..)) else {
                    return Ok(Answered::Yes);
                };
                if self.account().foods.contains_key(&id) {
                    return Ok(Answered::Yes);
                }
                let path = format!("/food/{id}");
                let sent = self.api.send("refused", "DELETE", &path, Asked::by(&token));
                let answer = answered!(self, sent, Unsettled::Reading);
                let refused = check_problem(403, "not_owner", &answer);
                refused.or_else(|_| check_problem(404, "not_found", &answer))?;
                return Ok(Answered::Yes);
            }
        };
        let answer = answered!(self, sent, Unsettled::Reading);
        check_problem(status, code, &answer)?;
        Ok(Answered::Yes)
    }
}
