//! Each route alone, one request after the other: what it costs the server.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::{Answer, Api, Asked};
use super::member::Draft;
use super::{Server, Wrong};
use crate::Error;

/// How often what hashes a password is asked, and how often what does not.
const FEW: usize = 30;
const MANY: usize = 300;

/// How many requests a second of a processor answers, by route.
pub type Rates = BTreeMap<&'static str, f64>;

/// Somebody who is signed in.
struct Account {
    body: Value,
    id: String,
    access: String,
    refresh: String,
}

struct Measuring<'a> {
    server: &'a Server,
    api: &'a Api,
    rates: Rates,
}

/// Measures every route of a server that nobody else uses.
pub async fn alone(server: &Server, api: &Api) -> Result<Rates, Error> {
    let rates = Rates::new();
    let mut measuring = Measuring { server, api, rates };
    let mut accounts = measuring.people().await?;
    measuring.foods(&accounts[0]).await?;
    measuring.sessions(&mut accounts).await?;
    Ok(measuring.rates)
}

impl Measuring<'_> {
    /// Asks all of this. Only what the server uses meanwhile is measured.
    async fn measure(
        &mut self,
        route: &'static str,
        (method, status): (&str, u16),
        asked: Vec<(String, Asked)>,
    ) -> Result<Vec<Answer>, Error> {
        let before = self.server.usage()?.cpu;
        let count = asked.len();
        let mut answers = Vec::with_capacity(count);
        for (path, asked) in asked {
            answers.push(self.ask(route, (method, status), &path, asked).await?);
        }
        self.rate(route, count, before)?;
        Ok(answers)
    }

    async fn ask(
        &self,
        route: &'static str,
        (method, status): (&str, u16),
        path: &str,
        asked: Asked,
    ) -> Result<Answer, Wrong> {
        let answer = self.api.send(route, method, path, asked).await;
        let answer = answer.ok_or_else(|| format!("{route}: no answer"))?;
        if answer.status == status {
            Ok(answer)
        } else {
            Err(format!("{route}: {}", answer.text()))
        }
    }

    fn rate(&mut self, route: &'static str, count: usize, before: Duration) -> Result<(), Error> {
        let used = self.server.usage()?.cpu.saturating_sub(before);
        let count = u32::try_from(count)?;
        self.rates
            .insert(route, f64::from(count) / used.as_secs_f64());
        Ok(())
    }

    async fn people(&mut self) -> Result<Vec<Account>, Error> {
        let person = |nth| {
            json!({
                "first_name": "Alone", "last_name": "Measured", "email": format!("alone-{nth}@example.com"),
                "password": format!("the password of alone {nth}"),
            })
        };
        let bodies: Vec<_> = (0..FEW).map(person).collect();
        let to = |path: &str, body: &Value| (path.to_owned(), Asked::default().json(body));
        let asked = bodies.iter().map(|body| to("/users", body)).collect();
        self.measure("create_user", ("POST", 201), asked).await?;
        let asked = bodies.iter().map(|body| to("/login", body)).collect();
        let logins = self.measure("login", ("POST", 200), asked).await?;
        let accounts = bodies.into_iter().zip(&logins).map(|(body, login)| {
            let text = |name: &str| login.json()[name].as_str().unwrap_or_default().to_owned();
            Account {
                body,
                id: text("id"),
                access: text("access_token"),
                refresh: text("refresh_token"),
            }
        });
        let accounts: Vec<_> = accounts.collect();
        let same = |path: String| vec![(path, Asked::default()); MANY];
        let path = format!("/users/{}", accounts[0].id);
        self.measure("get_user", ("GET", 200), same(path)).await?;
        self.measure("list_users", ("GET", 200), same("/users".to_owned()))
            .await?;
        Ok(accounts)
    }

    async fn foods(&mut self, account: &Account) -> Result<(), Error> {
        let draft = |kind: &str, nth| {
            let description = "<p>rice &amp; beans</p>";
            Draft::new(format!("{kind} {nth}"), description.to_owned())
        };
        let create = |nth| {
            (
                "/food".to_owned(),
                draft("Alone", nth).asked(&account.access),
            )
        };
        let asked = (0..MANY).map(create).collect();
        let foods = self.measure("create_food", ("POST", 201), asked).await?;
        let text =
            |food: &Answer, name: &str| food.json()[name].as_str().unwrap_or_default().to_owned();
        let paths: Vec<_> = foods
            .iter()
            .map(|food| format!("/food/{}", text(food, "id")))
            .collect();
        let update = |(nth, path): (usize, &String)| {
            (path.clone(), draft("Changed", nth).asked(&account.access))
        };
        let asked = paths.iter().enumerate().map(update).collect();
        let foods = self.measure("update_food", ("PUT", 200), asked).await?;
        let read = |path: &String| (path.clone(), Asked::default());
        let asked = paths.iter().map(read).collect();
        self.measure("get_food", ("GET", 200), asked).await?;
        let pictures = foods
            .iter()
            .map(|food| super::member::path_of(&text(food, "food_image")));
        let asked = pictures.map(|path| (path, Asked::default())).collect();
        self.measure("picture", ("GET", 200), asked).await?;
        let asked = vec![("/food?limit=30".to_owned(), Asked::default()); MANY];
        self.measure("list_food", ("GET", 200), asked).await?;
        let delete = |path: &String| (path.clone(), Asked::by(&account.access));
        let asked = paths.iter().map(delete).collect();
        self.measure("delete_food", ("DELETE", 200), asked).await?;
        Ok(())
    }

    async fn sessions(&mut self, accounts: &mut [Account]) -> Result<(), Error> {
        let before = self.server.usage()?.cpu;
        for _ in 0..MANY {
            let body = json!({"refresh_token": accounts[0].refresh});
            let asked = Asked::default().json(&body);
            let answer = self
                .ask("refresh", ("POST", 201), "/refresh", asked)
                .await?
                .json();
            let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
            (accounts[0].access, accounts[0].refresh) =
                (text("access_token"), text("refresh_token"));
        }
        self.rate("refresh", MANY, before)?;
        let asked = vec![("/sessions".to_owned(), Asked::by(&accounts[0].access)); MANY];
        self.measure("list_sessions", ("GET", 200), asked).await?;

        // Another login of each, to be ended.
        let mut asked = Vec::new();
        for account in accounts.iter() {
            let login = Asked::default().json(&account.body);
            self.ask("login", ("POST", 200), "/login", login).await?;
            let sessions = Asked::by(&account.access);
            let sessions = self
                .ask("list_sessions", ("GET", 200), "/sessions", sessions)
                .await?;
            let id = sessions.json()[0]["id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            asked.push((format!("/sessions/{id}"), Asked::by(&account.access)));
        }
        self.measure("end_session", ("DELETE", 204), asked).await?;
        let all = |path: &str| {
            let asked = accounts
                .iter()
                .map(|account| (path.to_owned(), Asked::by(&account.access)));
            asked.collect::<Vec<_>>()
        };
        let (end, leave) = (all("/sessions"), all("/users/me"));
        let log_out = all("/logout").split_off(FEW / 2);
        self.measure("end_sessions", ("DELETE", 204), end).await?;
        let change = accounts.iter().map(|account| {
            let body = json!({"old_password": account.body["password"], "new_password": "another long password"});
            ("/users/me/password".to_owned(), Asked::by(&account.access).json(&body))
        });
        let change = change.collect();
        self.measure("change_password", ("PUT", 204), change)
            .await?;
        self.measure("logout", ("POST", 200), log_out).await?;
        let leave = leave.into_iter().take(FEW / 2).collect();
        self.measure("delete_user", ("DELETE", 204), leave).await?;
        Ok(())
    }
}
