//! What somebody does with sessions, with the password and with the account.

use serde_json::json;

use super::super::Wrong;
use super::super::api::{Answer, Asked};
use super::{
    Answered, Member, SESSIONS, Session, Step, Unsettled, check, check_problem, check_status, text,
};

impl Member {
    pub(super) async fn refresh(&mut self) -> Step {
        let body = json!({"refresh_token": self.account().here.refresh});
        let sent = self
            .api
            .send("refresh", "POST", "/refresh", Asked::default().json(&body));
        let answer = answered!(self, sent, Unsettled::Refresh);
        check_status(201, "the current token", &answer)?;
        self.refreshed(&answer)?;
        Ok(Answered::Yes)
    }

    pub(super) fn refreshed(&mut self, answer: &Answer) -> Result<(), Wrong> {
        let session = Session::read(&answer.json());
        let is_so = session.id() == self.account().here.id();
        check(is_so, "the session stays the same", answer)?;
        self.account().here = session;
        Ok(())
    }

    pub(super) async fn list_sessions(&mut self) -> Step {
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

    pub(super) async fn login(&mut self) -> Step {
        if self.account().others.len() >= SESSIONS {
            return self.end_one().await;
        }
        let sent = self.send_login();
        let answer = answered!(self, sent, Unsettled::Login);
        check_status(200, "the right password", &answer)?;
        self.account().others.push(Session::read(&answer.json()));
        Ok(Answered::Yes)
    }

    pub(super) async fn end_one(&mut self) -> Step {
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
    pub(super) async fn check_ended(&mut self, ended: &Session) -> Step {
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

    pub(super) async fn end_others(&mut self) -> Step {
        let token = self.token();
        let sent = self
            .api
            .send("end_sessions", "DELETE", "/sessions", Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::EndSessions);
        check_status(204, "all but mine", &answer)?;
        self.others_ended().await
    }

    pub(super) async fn others_ended(&mut self) -> Step {
        self.account().strays = 0;
        for ended in std::mem::take(&mut self.account().others) {
            if self.check_ended(&ended).await? == Answered::No {
                return Ok(Answered::No);
            }
        }
        Ok(Answered::Yes)
    }

    pub(super) async fn log_out(&mut self) -> Step {
        let token = self.token();
        let sent = self
            .api
            .send("logout", "POST", "/logout", Asked::by(&token));
        let answer = answered!(self, sent, Unsettled::Logout);
        check_status(200, "the end", &answer)?;
        self.logged_out().await
    }

    pub(super) async fn logged_out(&mut self) -> Step {
        let ended = std::mem::take(&mut self.account().here);
        let account = self.account.clone().expect("a member");
        // First in again: what is not answered then is settled with a session that lives.
        if self.sign_in(account).await? == Answered::No {
            return Ok(Answered::No);
        }
        self.check_ended(&ended).await
    }

    pub(super) async fn change_password(&mut self) -> Step {
        let new = format!("the password {}", self.next_name());
        let sent = self.send_change(&new);
        let answer = answered!(self, sent, Unsettled::ChangePassword(new));
        check_status(204, "the right password", &answer)?;
        self.account().password = new;
        self.others_ended().await
    }

    pub(super) fn send_change(&self, new: &str) -> impl Future<Output = Option<Answer>> + use<> {
        let account = self.account.as_ref().expect("a member");
        let body = json!({"old_password": account.password, "new_password": new});
        let asked = Asked::by(&account.here.access).json(&body);
        let api = self.api.clone();
        async move {
            api.send("change_password", "PUT", "/users/me/password", asked)
                .await
        }
    }

    pub(super) async fn wrong_password(&mut self) -> Step {
        let body = json!({"email": self.account().email, "password": "a wrong password"});
        let sent = self
            .api
            .send("login", "POST", "/login", Asked::default().json(&body));
        let answer = answered!(self, sent, Unsettled::Reading);
        check_problem(401, "incorrect_password", &answer)?;
        Ok(Answered::Yes)
    }

    pub(super) async fn leave(&mut self) -> Step {
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

    pub(super) async fn left(&mut self) -> Step {
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
}
