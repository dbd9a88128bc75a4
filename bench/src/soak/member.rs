//! Somebody who uses the API, and knows what it should answer.

use std::collections::BTreeMap;
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
        let picture = [PICTURE, title.as_bytes()].concat();
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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Where the server listens, and whether the picture is old, does not matter.
fn comparable(food: &Value) -> Value {
    let mut food = food.clone();
    let url = text(&food["food_image"]);
    food["food_image"] = path_of(&url).into();
    food
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

    async fn show_own(&mut self) -> Step {
        let (id, food) = self.some_food();
        let sent = self
            .api
            .send("get_food", "GET", &format!("/food/{id}"), Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        self.check_food(&food, &answer)?;
        Ok(Answered::Yes)
    }

    fn check_food(&mut self, food: &Food, answer: &Answer) -> Result<(), Wrong> {
        check_status(200, &format!("the food {}", food.body), answer)?;
        let seen = answer.json();
        check(
            comparable(&seen["food"]) == food.body,
            &food.body.to_string(),
            answer,
        )?;
        check(
            seen["creator"]["id"] == self.account().id.as_str(),
            "the creator",
            answer,
        )?;
        check(answer.header("etag") == food.tag, &food.tag, answer)
    }

    async fn show_any(&mut self) -> Step {
        let Some((id, before)) = self.board.any(self.random.usize(..)) else {
            return Ok(Answered::Yes);
        };
        let sent = self
            .api
            .send("get_food", "GET", &format!("/food/{id}"), Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        let food = &answer.json()["food"];
        let (title, description) = (text(&food["title"]), text(&food["description"]));
        let seen = match answer.status {
            200 => Some((title.as_str(), description.as_str())),
            404 => None,
            _ => return check_status(200, "somebody's food", &answer).map(|()| Answered::Yes),
        };
        let is_so = self.board.may_show(&id, &before, seen);
        check(is_so, &format!("{before:?}"), &answer)?;
        Ok(Answered::Yes)
    }

    async fn not_modified(&mut self) -> Step {
        let (id, food) = self.some_food();
        let asked = Asked::default().header("if-none-match", food.tag);
        let sent = self
            .api
            .send("get_food", "GET", &format!("/food/{id}"), asked);
        let answer = answered!(self, sent, Unsettled::Reading);
        check_status(304, "what is not modified", &answer)?;
        check(answer.body.is_empty(), "304 has no body", &answer)?;
        Ok(Answered::Yes)
    }

    async fn list_foods(&mut self) -> Step {
        let sent = self.api.send("list_food", "GET", "/food", Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        check_status(200, "the list", &answer)?;
        let list = answer.json();
        let listed: BTreeMap<_, _> = list
            .as_array()
            .into_iter()
            .flatten()
            .map(|food| (text(&food["id"]), comparable(food)))
            .collect();
        let account = self.account();
        for (id, food) in &account.foods {
            let is_so = listed.get(id) == Some(&food.body);
            check(is_so, &format!("the list has {}", food.body), &answer)?;
        }
        let mine = listed
            .values()
            .filter(|food| food["user_id"] == account.id.as_str());
        check(
            mine.count() == account.foods.len(),
            "no other food is mine",
            &answer,
        )?;
        Ok(Answered::Yes)
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

    async fn show_picture(&mut self) -> Step {
        let (_, food) = self.some_food();
        let path = text(&food.body["food_image"]);
        let sent = self.api.send("picture", "GET", &path, Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        check(
            answer.status == 200 && answer.body == food.picture,
            &path,
            &answer,
        )?;
        Ok(Answered::Yes)
    }

    async fn create(&mut self) -> Step {
        let draft = self.next_draft();
        let key = self
            .random
            .bool()
            .then(|| format!("soak-{}-{:016}", self.nth, self.made));
        let token = self.token();
        let mut asked = draft.asked(&token);
        if let Some(key) = &key {
            asked = asked.header("idempotency-key", key);
        }
        let sent = self.api.send("create_food", "POST", "/food", asked.clone());
        let answer = answered!(self, sent, Unsettled::Create(draft, key));
        check_status(201, "a new title", &answer)?;
        self.created(&draft, &answer)?;
        if key.is_some() && self.random.u8(0..4) == 0 {
            let sent = self.api.send("create_food", "POST", "/food", asked);
            let again = answered!(self, sent, Unsettled::Reading);
            check(
                again.status == 201 && again.body == answer.body,
                &answer.text(),
                &again,
            )?;
        }
        Ok(Answered::Yes)
    }

    fn created(&mut self, draft: &Draft, answer: &Answer) -> Result<(), Wrong> {
        let body = comparable(&answer.json());
        let id = text(&body["id"]);
        let is_so = body["title"] == draft.title.as_str()
            && body["description"] == draft.description.as_str()
            && body["user_id"] == self.account().id.as_str();
        check(is_so, "what was sent", answer)?;
        self.board.shared(&id, &draft.title, &draft.description);
        let food = Food {
            body,
            tag: answer.header("etag").to_owned(),
            picture: draft.picture.clone().unwrap_or_default(),
        };
        self.account().foods.insert(id, food);
        Ok(())
    }

    async fn update(&mut self) -> Step {
        let (id, food) = self.some_food();
        let mut draft = self.next_draft();
        if self.random.bool() {
            draft.picture = None;
        }
        let token = self.token();
        let asked = draft.asked(&token);
        let asked = match self.random.u8(0..3) {
            0 => asked,
            1 => asked.header("if-match", food.tag.clone()),
            _ => {
                let asked = asked.header("if-match", "\"another\"");
                let sent = self
                    .api
                    .send("update_food", "PUT", &format!("/food/{id}"), asked);
                let answer = answered!(self, sent, Unsettled::Reading);
                check_problem(412, "precondition_failed", &answer)?;
                return Ok(Answered::Yes);
            }
        };
        self.board.changes(&id, &draft.title, &draft.description);
        let sent = self
            .api
            .send("update_food", "PUT", &format!("/food/{id}"), asked);
        let answer = answered!(self, sent, Unsettled::Update(id, draft));
        check_status(200, "an edit", &answer)?;
        self.updated(&id, &draft, comparable(&answer.json()), &answer)?;
        Ok(Answered::Yes)
    }

    fn updated(
        &mut self,
        id: &str,
        draft: &Draft,
        body: Value,
        answer: &Answer,
    ) -> Result<(), Wrong> {
        let food = self.account().foods.get_mut(id).expect("it is mine");
        let is_so = body["title"] == draft.title.as_str()
            && body["description"] == draft.description.as_str()
            && body["created_at"] == food.body["created_at"]
            && body["id"] == id
            && (body["food_image"] == food.body["food_image"]) == draft.picture.is_none();
        check(is_so, "what was sent", answer)?;
        if let Some(picture) = &draft.picture {
            food.picture.clone_from(picture);
        }
        answer.header("etag").clone_into(&mut food.tag);
        food.body = body;
        self.board.changed(id, true);
        Ok(())
    }

    async fn delete(&mut self) -> Step {
        let (id, _) = self.some_food();
        let token = self.token();
        self.board.goes(&id);
        let path = format!("/food/{id}");
        let sent = self
            .api
            .send("delete_food", "DELETE", &path, Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::Delete(id));
        check(
            answer.status == 200 && answer.json() == "food deleted",
            "deleted",
            &answer,
        )?;
        self.deleted(&id);
        let sent = self.api.send("get_food", "GET", &path, Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        check_problem(404, "not_found", &answer)?;
        Ok(Answered::Yes)
    }

    fn deleted(&mut self, id: &str) {
        self.board.went(id, true);
        self.account().foods.remove(id);
    }

    async fn refresh(&mut self) -> Step {
        let body = json!({"refresh_token": self.account().here.refresh});
        let sent = self
            .api
            .send("refresh", "POST", "/refresh", Asked::default().json(&body));
        let answer = answered!(self, sent, Unsettled::Refresh);
        check_status(201, "the current token", &answer)?;
        self.refreshed(&answer)?;
        Ok(Answered::Yes)
    }

    fn refreshed(&mut self, answer: &Answer) -> Result<(), Wrong> {
        let session = Session::read(&answer.json());
        let is_so = session.id() == self.account().here.id();
        check(is_so, "the session stays the same", answer)?;
        self.account().here = session;
        Ok(())
    }

    async fn list_sessions(&mut self) -> Step {
        let token = self.token();
        let sent = self
            .api
            .send("list_sessions", "GET", "/sessions", Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::Reading);
        check_status(200, "my sessions", &answer)?;
        let sessions = answer.json();
        let ids: Vec<_> = sessions
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| text(&one["id"]))
            .collect();
        let account = self.account();
        let all = account.others.iter().chain([&account.here]);
        for session in all {
            check(ids.contains(&session.id()), &session.id(), &answer)?;
        }
        let known = 1 + account.others.len();
        let is_so = (known..=known + account.strays).contains(&ids.len());
        check(
            is_so,
            &format!("{known} sessions, and {} strays", account.strays),
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

    async fn login(&mut self) -> Step {
        if self.account().others.len() >= SESSIONS {
            return self.end_one().await;
        }
        let sent = self.send_login();
        let answer = answered!(self, sent, Unsettled::Login);
        check_status(200, "the right password", &answer)?;
        self.account().others.push(Session::read(&answer.json()));
        Ok(Answered::Yes)
    }

    async fn end_one(&mut self) -> Step {
        let others = self.account().others.len();
        if others == 0 {
            return Ok(Answered::Yes);
        }
        let nth = self.random.usize(..others);
        let token = self.token();
        let path = format!("/sessions/{}", self.account().others[nth].id());
        let sent = self
            .api
            .send("end_session", "DELETE", &path, Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::EndSession(nth));
        check_status(204, "one of mine", &answer)?;
        let ended = self.account().others.swap_remove(nth);
        self.check_ended(&ended).await
    }

    /// Neither of its tokens is good for anything.
    async fn check_ended(&mut self, ended: &Session) -> Step {
        let sent = self
            .api
            .send("refused", "GET", "/sessions", Asked::by(&ended.access));
        let answer = answered!(self, sent, Unsettled::Reading);
        check_problem(401, "error", &answer)?;
        let body = json!({"refresh_token": ended.refresh});
        let sent = self
            .api
            .send("refused", "POST", "/refresh", Asked::default().json(&body));
        let answer = answered!(self, sent, Unsettled::Reading);
        check_problem(401, "error", &answer)?;
        Ok(Answered::Yes)
    }

    async fn end_others(&mut self) -> Step {
        let token = self.token();
        let sent = self
            .api
            .send("end_sessions", "DELETE", "/sessions", Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::EndSessions);
        check_status(204, "all but mine", &answer)?;
        self.others_ended().await
    }

    async fn others_ended(&mut self) -> Step {
        self.account().strays = 0;
        for ended in std::mem::take(&mut self.account().others) {
            if self.check_ended(&ended).await? == Answered::No {
                return Ok(Answered::No);
            }
        }
        Ok(Answered::Yes)
    }

    async fn log_out(&mut self) -> Step {
        let token = self.token();
        let sent = self
            .api
            .send("logout", "POST", "/logout", Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::Logout);
        check_status(200, "the end", &answer)?;
        self.logged_out().await
    }

    async fn logged_out(&mut self) -> Step {
        let ended = std::mem::take(&mut self.account().here);
        let account = self.account.clone().expect("a member");
        // First in again: what is not answered then is settled with a session that lives.
        if self.sign_in(account).await? == Answered::No {
            return Ok(Answered::No);
        }
        self.check_ended(&ended).await
    }

    async fn change_password(&mut self) -> Step {
        let new = format!("the password {}", self.next_name());
        let sent = self.send_change(&new);
        let answer = answered!(self, sent, Unsettled::ChangePassword(new));
        check_status(204, "the right password", &answer)?;
        self.account().password = new;
        self.others_ended().await
    }

    fn send_change(&self, new: &str) -> impl Future<Output = Option<Answer>> + use<> {
        let account = self.account.as_ref().expect("a member");
        let body = json!({"old_password": account.password, "new_password": new});
        let asked = Asked::by(&account.here.access).json(&body);
        let api = self.api.clone();
        async move {
            api.send("change_password", "PUT", "/users/me/password", asked)
                .await
        }
    }

    async fn wrong_password(&mut self) -> Step {
        let body = json!({"email": self.account().email, "password": "a wrong password"});
        let sent = self
            .api
            .send("login", "POST", "/login", Asked::default().json(&body));
        let answer = answered!(self, sent, Unsettled::Reading);
        check_problem(401, "incorrect_password", &answer)?;
        Ok(Answered::Yes)
    }

    async fn leave(&mut self) -> Step {
        let token = self.token();
        for id in self.account().foods.keys().cloned().collect::<Vec<_>>() {
            self.board.goes(&id);
        }
        let sent = self
            .api
            .send("delete_user", "DELETE", "/users/me", Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::Leave);
        check_status(204, "leaving", &answer)?;
        self.left().await
    }

    async fn left(&mut self) -> Step {
        let account = self.account.take().expect("a member");
        for id in account.foods.keys() {
            self.board.went(id, true);
        }
        let path = format!("/users/{}", account.id);
        let sent = self.api.send("get_user", "GET", &path, Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        check_problem(404, "not_found", &answer)?;
        for id in account.foods.keys() {
            let sent = self
                .api
                .send("get_food", "GET", &format!("/food/{id}"), Asked::default());
            let answer = answered!(self, sent, Unsettled::Reading);
            check_problem(404, "not_found", &answer)?;
        }
        self.check_ended(&account.here).await
    }

    /// Finds out what became of the last request.
    pub async fn settle(&mut self) -> Result<(), Wrong> {
        let Some(unsettled) = self.unsettled.take() else {
            return Ok(());
        };
        let step = match unsettled {
            Unsettled::Reading => Ok(Answered::Yes),
            Unsettled::SignUp(account) => self.settle_sign_up(account).await,
            Unsettled::Login => self.settle_login().await,
            Unsettled::Refresh => self.settle_refresh().await,
            Unsettled::Logout => self.settle_logout().await,
            Unsettled::EndSession(nth) => self.settle_end(nth).await,
            Unsettled::EndSessions => Box::pin(self.end_others()).await,
            Unsettled::ChangePassword(new) => self.settle_change(new).await,
            Unsettled::Leave => self.settle_leave().await,
            Unsettled::Create(draft, key) => self.settle_create(draft, key).await,
            Unsettled::Update(id, draft) => self.settle_update(&id, &draft).await,
            Unsettled::Delete(id) => self.settle_delete(&id).await,
        };
        match step? {
            Answered::Yes => Ok(()),
            Answered::No => Err("the server is back, and does not answer".to_owned()),
        }
    }

    /// It is an account, or the address is free.
    async fn settle_sign_up(&mut self, account: Account) -> Step {
        self.account = Some(account);
        let sent = self.send_login();
        let answer = answered!(self, sent, Unsettled::Reading);
        if answer.status == 401 {
            self.account = None;
            return Ok(Answered::Yes);
        }
        check_status(200, "an account that is there", &answer)?;
        let body = answer.json();
        let account = self.account();
        account.here = Session::read(&body);
        account.id = text(&body["id"]);
        Ok(Answered::Yes)
    }

    /// There may be a session more.
    async fn settle_login(&mut self) -> Step {
        self.account().strays += 1;
        if self.account().here.access.is_empty() {
            let account = self.account.clone().expect("a member");
            return self.sign_in(account).await;
        }
        Ok(Answered::Yes)
    }

    async fn settle_refresh(&mut self) -> Step {
        // Within ten seconds the token before is as good.
        Box::pin(self.refresh()).await
    }

    async fn settle_logout(&mut self) -> Step {
        let token = self.token();
        let sent = self
            .api
            .send("logout", "POST", "/logout", Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::Reading);
        check(
            matches!(answer.status, 200 | 401),
            "the end, now or before",
            &answer,
        )?;
        Box::pin(self.logged_out()).await
    }

    async fn settle_end(&mut self, nth: usize) -> Step {
        let token = self.token();
        let ended = self.account().others.swap_remove(nth);
        let path = format!("/sessions/{}", ended.id());
        let sent = self
            .api
            .send("end_session", "DELETE", &path, Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::Reading);
        check(
            matches!(answer.status, 204 | 404),
            "the end, now or before",
            &answer,
        )?;
        self.check_ended(&ended).await
    }

    async fn settle_change(&mut self, new: String) -> Step {
        let sent = self.send_change(&new);
        let answer = answered!(self, sent, Unsettled::Reading);
        check_status(204, "changed, now or before", &answer)?;
        self.account().password = new;
        self.others_ended().await
    }

    async fn settle_leave(&mut self) -> Step {
        let token = self.token();
        let sent = self
            .api
            .send("delete_user", "DELETE", "/users/me", Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::Reading);
        check(
            matches!(answer.status, 204 | 401),
            "gone, now or before",
            &answer,
        )?;
        Box::pin(self.left()).await
    }

    async fn settle_create(&mut self, draft: Draft, key: Option<String>) -> Step {
        let token = self.token();
        if let Some(key) = key {
            let asked = draft.asked(&token).header("idempotency-key", key);
            let sent = self.api.send("create_food", "POST", "/food", asked);
            let answer = answered!(self, sent, Unsettled::Reading);
            // For half a minute nobody knows whether the one that was killed goes on.
            if answer.status != 409 || !answer.json()["request_in_progress"].is_string() {
                check_status(201, "made, now or before", &answer)?;
                self.created(&draft, &answer)?;
                return Ok(Answered::Yes);
            }
        }
        let sent = self
            .api
            .send("create_food", "POST", "/food", draft.asked(&token));
        let answer = answered!(self, sent, Unsettled::Reading);
        if answer.status == 201 {
            self.created(&draft, &answer)?;
            return Ok(Answered::Yes);
        }
        check_problem(409, "unique_title", &answer)?;
        let sent = self.api.send("list_food", "GET", "/food", Asked::default());
        let list = answered!(self, sent, Unsettled::Reading);
        let foods = list.json();
        let mut foods = foods.as_array().into_iter().flatten();
        let found = foods.find(|food| food["title"] == draft.title.as_str());
        let id = found.map(|food| text(&food["id"]));
        let id = id.ok_or_else(|| format!("{} is taken and not there", draft.title))?;
        let sent = self
            .api
            .send("get_food", "GET", &format!("/food/{id}"), Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        let food = Answer {
            body: answer.json()["food"].to_string().into(),
            ..answer
        };
        self.created(&draft, &food)?;
        Ok(Answered::Yes)
    }

    async fn settle_update(&mut self, id: &str, draft: &Draft) -> Step {
        let sent = self
            .api
            .send("get_food", "GET", &format!("/food/{id}"), Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        check_status(200, "a food that was edited", &answer)?;
        let body = comparable(&answer.json()["food"]);
        let is_old = self.account().foods[id].body == body;
        if is_old {
            self.board.changed(id, false);
        } else {
            self.updated(id, draft, body, &answer)?;
        }
        Ok(Answered::Yes)
    }

    async fn settle_delete(&mut self, id: &str) -> Step {
        let sent = self
            .api
            .send("get_food", "GET", &format!("/food/{id}"), Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        if answer.status == 404 {
            self.deleted(id);
            return Ok(Answered::Yes);
        }
        self.board.went(id, false);
        let food = self.account().foods[id].clone();
        self.check_food(&food, &answer)?;
        Ok(Answered::Yes)
    }

    /// All that was acknowledged is there, and nothing else of the member's.
    pub async fn check_all(&mut self) -> Result<(), Wrong> {
        let Some(account) = self.account.clone() else {
            return Ok(());
        };
        for food in account.foods.values() {
            let path = text(&food.body["food_image"]);
            let picture = self
                .api
                .send("picture", "GET", &path, Asked::default())
                .await;
            let picture = picture.ok_or("the server is gone")?;
            check(
                picture.status == 200 && picture.body == food.picture,
                &path,
                &picture,
            )?;
        }
        let steps = [
            Box::pin(self.list_foods()).await?,
            Box::pin(self.list_users()).await?,
            Box::pin(self.show_user()).await?,
            Box::pin(self.list_sessions()).await?,
        ];
        if steps.contains(&Answered::No) {
            return Err("the server is gone".to_owned());
        }
        Ok(())
    }
}
