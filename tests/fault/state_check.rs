//! What is there after something went wrong, and whether all is so that anybody was told.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use domain::password::{Password, PasswordCheck, PasswordHash, PasswordHasher as _};
use engines::snapshot::{Item, text};
use engines::{Snapshot, TableNames};
use infrastructure::argon2::Argon2Hasher;
use serde_json::Value;

use crate::event::recorded::{EVES_PASSWORD, Recorded};
use test_support::fixture::{ADA, ADAS_LAPTOP, ADAS_SESSION, EVE, FUFU, JOLLOF};

/// The id of the image that Jollof has in the fixture.
const JOLLOFS_IMAGE: &str = "01990000-0000-7000-8000-00000000c001";

/// All that is stored, and which sessions live.
pub(crate) struct StateCheck {
    stored: Snapshot,
    /// The id of the current refresh token of each session, by the session's id.
    sessions: BTreeMap<String, String>,
}

impl StateCheck {
    pub(crate) async fn behind(recorded: &Recorded) -> Self {
        let tables = TableNames {
            users: recorded.setting("USERS_TABLE"),
            foods: recorded.setting("FOODS_TABLE"),
            sessions: recorded.setting("SESSIONS_TABLE"),
        };
        let bucket = recorded.setting("IMAGES_BUCKET");
        let (dynamodb, s3) = (recorded.dynamodb_engine(), recorded.s3_engine());
        let stored = Snapshot::read(&dynamodb, &s3, &tables, &bucket).await;
        let sessions = if recorded.redis.is_some() {
            sessions_on_redis(&recorded.setting("TOKEN_STORE_URL")).await
        } else {
            let sessions = stored.sessions.iter();
            sessions
                .filter(|item| item.contains_key("token"))
                .map(|item| (text(item, "sk").to_owned(), text(item, "token").to_owned()))
                .collect()
        };
        Self { stored, sessions }
    }

    /// Every user has exactly its claim, every food exactly its claim and its renditions.
    pub(crate) fn check(&self, case: &str) {
        assert_eq!(self.stored.violations(), Vec::<String>::new(), "{case}");
    }

    /// How many sessions live beside those of the scene.
    pub(crate) fn begun_sessions(&self) -> usize {
        let of_scene = |id: &&String| id.starts_with("01990000-0000-7000-8000-00000000a");
        self.sessions.len() - self.sessions.keys().filter(of_scene).count()
    }

    /// Whether Eve's password is kept as today's are, and is still hers.
    pub(crate) fn is_eve_migrated(&self) -> bool {
        self.is_password(EVE, EVES_PASSWORD)
    }

    /// What was acknowledged is so: now, by an answer of this body, or before, where who asked again was
    /// told that there is nothing left to do.
    pub(crate) fn holds(&self, event: &str, now: Option<&Value>, case: &str) {
        let lives = |session: &str| self.sessions.contains_key(session);
        let is_so = match event {
            "create_user" | "create_user.idempotent" => self.has_grace(now),
            "create_food"
            | "create_food.idempotent"
            | "create_food.upload"
            | "create_food.upload_idempotent" => self.has_suya(now),
            "update_food.upload" => {
                self.is_jollof("Suya", "<p>With <b>yaji</b></p>")
                    && self.image_of(JOLLOF) != Some(JOLLOFS_IMAGE)
                    && now.is_some_and(|food| self.is_shown(JOLLOF, food))
            }
            "create_food.unique_title" => {
                let foods = self.stored.foods.keys();
                self.is_jollof("Jollof rice", "<p>Smoky</p>")
                    && self.image_of(JOLLOF) == Some(JOLLOFS_IMAGE)
                    && foods.filter(|key| key.starts_with("FOOD#")).count() == 2
            }
            "update_food" => {
                self.is_jollof("Party jollof", "<p>With <b>yaji</b></p>")
                    && self.image_of(JOLLOF) != Some(JOLLOFS_IMAGE)
                    && now.is_some_and(|food| self.is_shown(JOLLOF, food))
            }
            "update_food.keeps_image" => {
                self.is_jollof("Jollof rice", "Smoky")
                    && self.image_of(JOLLOF) == Some(JOLLOFS_IMAGE)
                    && now.is_some_and(|food| self.is_shown(JOLLOF, food))
            }
            "delete_food" => self.food(JOLLOF).is_none() && self.food(FUFU).is_some(),
            "logout" | "revoke_session.current" | "refresh.reused_token" => {
                !lives(ADAS_SESSION) && lives(ADAS_LAPTOP)
            }
            "revoke_session" | "revoke_sessions" => !lives(ADAS_LAPTOP) && lives(ADAS_SESSION),
            "revoke_sessions.all" => !lives(ADAS_LAPTOP) && !lives(ADAS_SESSION),
            "change_password" => {
                self.is_password(ADA, "difference engine")
                    && !lives(ADAS_LAPTOP)
                    && lives(ADAS_SESSION)
            }
            "delete_user" => {
                let has = |key: String| self.stored.users.contains_key(&key);
                !has(format!("USER#{ADA}"))
                    && has(format!("LEFT#{ADA}"))
                    && has(format!("USER#{EVE}"))
                    && self.food(JOLLOF).is_none()
                    && self.food(FUFU).is_some()
                    && !lives(ADAS_SESSION)
                    && !lives(ADAS_LAPTOP)
            }
            "login" | "login.outdated" | "login.unsure" | "refresh" => {
                now.is_some_and(|tokens| self.is_current(tokens))
            }
            "sweep_images" => {
                let eves = [format!("LEFT#{EVE}"), format!("FOOD#{FUFU}")];
                let is_left = |key| {
                    self.stored.users.contains_key(key) || self.stored.foods.contains_key(key)
                };
                !eves.iter().any(is_left)
                    && self.is_jollof("Jollof rice", "<p>Smoky</p>")
                    && self.stored.orphans() == 0
                    && self.stored.renditions.len() == 2
            }
            // The answer is all there is.
            "list_users"
            | "get_user"
            | "list_food"
            | "get_food"
            | "list_sessions"
            | "create_image_upload" => true,
            other => panic!("nobody knows what {other} promises"),
        };
        assert!(is_so, "{case}: {now:?}");
    }

    fn food(&self, id: &str) -> Option<&Item> {
        self.stored.foods.get(&format!("FOOD#{id}"))
    }

    fn image_of(&self, id: &str) -> Option<&str> {
        self.food(id).map(|food| text(food, "image_id"))
    }

    fn is_password(&self, user: &str, password: &str) -> bool {
        let Some(account) = self.stored.users.get(&format!("USER#{user}")) else {
            return false;
        };
        let hash = text(account, "password_hash");
        let verdict = Argon2Hasher::default().verify(
            &Password::unvalidated(password),
            &PasswordHash::new(hash.to_owned()),
        );
        hash.starts_with("$argon2id$") && verdict == PasswordCheck::Valid
    }

    /// One account has the address, that which was told of, and its password.
    fn has_grace(&self, now: Option<&Value>) -> bool {
        let accounts = self.stored.users.keys();
        let Some(claim) = self.stored.users.get("EMAIL#grace@example.com") else {
            return false;
        };
        let id = text(claim, "user_id");
        accounts.filter(|key| key.starts_with("USER#")).count() == 3
            && now.is_none_or(|user| user["id"] == id)
            && text(&self.stored.users[&format!("USER#{id}")], "first_name") == "Grace"
            && self.is_password(id, "anchors aweigh")
    }

    /// One food has the title, that which was told of.
    fn has_suya(&self, now: Option<&Value>) -> bool {
        let foods = self.stored.foods.keys();
        let Some(claim) = self.stored.foods.get("TITLE#suya") else {
            return false;
        };
        let id = text(claim, "food_id");
        foods.filter(|key| key.starts_with("FOOD#")).count() == 3
            && now.is_none_or(|food| food["id"] == id && self.is_shown(id, food))
            && self.is_adas(id, "Suya", "<p>With <b>yaji</b></p>")
    }

    fn is_jollof(&self, title: &str, description: &str) -> bool {
        self.is_adas(JOLLOF, title, description)
    }

    /// The food is Ada's and has these texts.
    fn is_adas(&self, id: &str, title: &str, description: &str) -> bool {
        let Some(food) = self.food(id) else {
            return false;
        };
        text(food, "user_id") == ADA
            && text(food, "title") == title
            && text(food, "description") == description
    }

    /// The answer shows what is stored.
    fn is_shown(&self, id: &str, answer: &Value) -> bool {
        let Some(food) = self.food(id) else {
            return false;
        };
        let url = answer["food_image"].as_str().unwrap_or_default();
        url.contains(text(food, "image_id"))
            && answer["title"] == text(food, "title")
            && answer["description"] == text(food, "description")
    }

    /// The session of these tokens lives, and will be refreshed with this refresh token.
    fn is_current(&self, tokens: &Value) -> bool {
        let access = claims(&tokens["access_token"]);
        let refresh = claims(&tokens["refresh_token"]);
        let session = access["sid"].as_str().expect("a session");
        let current = self.sessions.get(session).map(String::as_str);
        refresh["sid"] == session && current == refresh["jti"].as_str() && current.is_some()
    }
}

/// What a token says.
fn claims(token: &Value) -> Value {
    let payload = token.as_str().and_then(|token| token.split('.').nth(1));
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload.expect("a token"));
    serde_json::from_slice(&payload.expect("Base64")).expect("JSON")
}

/// The lives of whoever is making something end: as after half a minute.
pub(crate) async fn end_leases(recorded: &Recorded) {
    if recorded.redis.is_some() {
        let mut connection = connect(&recorded.setting("TOKEN_STORE_URL")).await;
        for key in keys(&mut connection, "operation:*").await {
            let mut set = redis::cmd("HSET");
            let set = set.arg(key).arg("lease_ends_at").arg(0);
            let () = set.query_async(&mut connection).await.expect("ended");
        }
        return;
    }
    let table = recorded.setting("SESSIONS_TABLE");
    let dynamodb = recorded.dynamodb_engine();
    let items = dynamodb.scan().table_name(&table).send().await;
    for item in items.expect("scanned").items() {
        if item.contains_key("lease_ends_at") {
            let update = dynamodb.update_item().table_name(&table);
            let update = update
                .key("pk", item["pk"].clone())
                .key("sk", item["sk"].clone())
                .update_expression("SET lease_ends_at = :over")
                .expression_attribute_values(":over", AttributeValue::N("0".to_owned()));
            update.send().await.expect("ended");
        }
    }
}

async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).expect("a URL");
    // Longer than half a second, which is too little where all else runs as well.
    let patience = Some(Duration::from_mins(2));
    let config = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(patience)
        .set_response_timeout(patience);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    connection.await.expect("connected")
}

async fn keys(connection: &mut redis::aio::MultiplexedConnection, pattern: &str) -> Vec<String> {
    let mut keys = redis::cmd("KEYS");
    keys.arg(pattern)
        .query_async(connection)
        .await
        .expect("keys")
}

/// The sessions, each of which has to be in the set of its user's, or nobody could end it.
async fn sessions_on_redis(url: &str) -> BTreeMap<String, String> {
    let mut connection = connect(url).await;
    let mut sessions = BTreeMap::new();
    for key in keys(&mut connection, "session:*").await {
        let (rest, id) = key.rsplit_once(':').expect("an id");
        let user = rest.trim_start_matches("session:");
        let mut pipe = redis::pipe();
        let pipe = pipe
            .hget(&key, "token")
            .zscore(format!("sessions:{user}"), id);
        let answer = pipe.query_async(&mut connection).await;
        let (token, listed): (String, Option<f64>) = answer.expect("a session");
        assert!(listed.is_some(), "{key} is in no set");
        sessions.insert(id.to_owned(), token);
    }
    sessions
}
