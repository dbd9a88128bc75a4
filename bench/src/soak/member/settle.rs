//! What became of a request that was not answered.

use super::super::Wrong;
use super::super::api::{Answer, Asked};
use super::{
    Account, Answered, Draft, Member, Session, Step, Unsettled, check, check_problem, check_status,
    comparable, text,
};

impl Member {
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
