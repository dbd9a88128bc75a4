//! What somebody does with foods.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Wrong;
use super::super::api::{Answer, Asked};
use super::{
    Answered, Draft, Food, Member, Step, Unsettled, check, check_problem, check_status, comparable,
    text, version,
};

impl Member {
    pub(super) async fn show_own(&mut self) -> Step {
        let (id, food) = self.some_food();
        let sent = self
            .api
            .send("get_food", "GET", &format!("/food/{id}"), Asked::default());
        let answer = answered!(self, sent, Unsettled::Reading);
        self.check_food(&food, &answer)?;
        Ok(Answered::Yes)
    }

    pub(super) fn check_food(&mut self, food: &Food, answer: &Answer) -> Result<(), Wrong> {
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
        let tag = version(answer.header("etag"));
        check(tag == version(&food.tag), &food.tag, answer)
    }

    pub(super) async fn show_any(&mut self) -> Step {
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

    pub(super) async fn not_modified(&mut self) -> Step {
        let (id, food) = self.some_food();
        let asked = Asked::default().header("if-none-match", food.tag.clone());
        let sent = self
            .api
            .send("get_food", "GET", &format!("/food/{id}"), asked);
        let answer = answered!(self, sent, Unsettled::Reading);
        if answer.status == 200 {
            // Its variants have come since.
            self.check_food(&food, &answer)?;
            let known = self.account().foods.get_mut(&id).expect("it is mine");
            answer.header("etag").clone_into(&mut known.tag);
            return Ok(Answered::Yes);
        }
        check_status(304, "what is not modified", &answer)?;
        check(answer.body.is_empty(), "304 has no body", &answer)?;
        Ok(Answered::Yes)
    }

    /// Page by page, to the end: others share and delete meanwhile.
    pub(super) async fn list_foods(&mut self) -> Step {
        let limit = [7, 30, 100][self.random.usize(..3)];
        let mut path = format!("/food?limit={limit}");
        let mut mine = BTreeMap::new();
        loop {
            let sent = self.api.send("list_food", "GET", &path, Asked::default());
            let answer = answered!(self, sent, Unsettled::Reading);
            check_status(200, "the list", &answer)?;
            let page = answer.json();
            let page = page.as_array().cloned().unwrap_or_default();
            check(page.len() <= limit, &path, &answer)?;
            let id = self.account().id.as_str();
            let of_page = page.iter().filter(|food| food["user_id"] == id);
            mine.extend(of_page.map(|food| (text(&food["id"]), comparable(food))));
            match next(&answer) {
                Some(next) => path = next,
                None => break,
            }
        }
        let foods = self.account().foods.iter();
        let expected: BTreeMap<_, _> = foods
            .map(|(id, food)| (id.clone(), food.body.clone()))
            .collect();
        if mine == expected {
            Ok(Answered::Yes)
        } else {
            Err(format!("the list has {mine:?} and not {expected:?}"))
        }
    }

    pub(super) async fn show_picture(&mut self) -> Step {
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

    pub(super) async fn create(&mut self) -> Step {
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

    pub(super) fn created(&mut self, draft: &Draft, answer: &Answer) -> Result<(), Wrong> {
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

    pub(super) async fn update(&mut self) -> Step {
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

    pub(super) fn updated(
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

    pub(super) async fn delete(&mut self) -> Step {
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

    pub(super) fn deleted(&mut self, id: &str) {
        self.board.went(id, true);
        self.account().foods.remove(id);
    }
}

/// The path and query of the page that follows.
fn next(answer: &Answer) -> Option<String> {
    let (url, _) = answer
        .header("link")
        .strip_prefix('<')?
        .split_once(">; rel=\"next\"")?;
    let at = url.find("/food?")?;
    Some(url[at..].to_owned())
}
