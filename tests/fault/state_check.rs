//! Checks the stored state after a fault: invariants, and the effect that a response confirms.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use domain::password::{Password, PasswordCheck, PasswordHash, PasswordHasher as _};
use engines::snapshot::{Item, text};
use engines::{Snapshot, TableNames};
use infrastructure::argon2::Argon2Hasher;
use serde_json::Value;

use crate::event::recorded_fixture::{EVES_PASSWORD, RecordedFixture};
use test_support::fixture::{ADA, ADAS_LAPTOP, ADAS_SESSION, BOLA, EVE, FUFU, JOLLOF, WAAKYE};

/// The id of the image of the food Jollof in the fixture.
const JOLLOFS_IMAGE: &str = "01990000-0000-7000-8000-00000000c001";

/// The content of the tables, the bucket of images and the session store at one time.
pub(crate) struct StateCheck {
    stored: Snapshot,
    /// The id of the current refresh token of each active session, by session id.
    sessions: BTreeMap<String, String>,
}

impl StateCheck {
    /// Reads the tables, the bucket of images and the session store of a fixture.
    pub(crate) async fn read(recorded: &RecordedFixture) -> Self {
        let tables = TableNames {
            users: recorded.setting("USERS_TABLE"),
            foods: recorded.setting("FOODS_TABLE"),
            sessions: recorded.setting("SESSIONS_TABLE"),
            likes: recorded.setting("LIKES_TABLE"),
        };
        let bucket = recorded.setting("IMAGES_BUCKET");
        let (dynamodb, s3) = (recorded.dynamodb_engine(), recorded.s3_engine());
        let stored = Snapshot::read(&dynamodb, &s3, &tables, &bucket).await;
        let sessions = if recorded.redis.is_some() {
            sessions_on_redis(&recorded.setting("TOKEN_STORE_URL"), &stored.users).await
        } else {
            let sessions = stored.sessions.iter();
            sessions
                .filter(|item| item.contains_key("token"))
                .filter(|item| version_of(&stored.users, text(item, "pk")) == Some(version(item)))
                .map(|item| (text(item, "sk").to_owned(), text(item, "token").to_owned()))
                .collect()
        };
        Self { stored, sessions }
    }

    /// Asserts that users, foods, claims and renditions are consistent with each other.
    pub(crate) fn check_invariants(&self, case: &str) {
        assert_eq!(self.stored.violations(), Vec::<String>::new(), "{case}");
    }

    /// Returns whether Eve's password has an Argon2id hash instead of the old bcrypt hash.
    pub(crate) fn has_eves_new_hash(&self) -> bool {
        self.is_password(EVE, EVES_PASSWORD)
    }

    /// Asserts that the effect of an event is stored. `body` is the body of the successful response, or `None` if
    /// the retry reported that nothing is left to do.
    pub(crate) fn check_effect(&self, event: &str, body: Option<&Value>, case: &str) {
        let is_valid = |session: &str| self.sessions.contains_key(session);
        let is_done = match event {
            "create_user" | "create_user.idempotent" => self.has_grace(body),
            "create_food"
            | "create_food.idempotent"
            | "create_food.upload"
            | "create_food.upload_idempotent" => self.has_suya(body),
            "update_food.upload" => {
                self.is_jollof("Suya", "<p>With <b>yaji</b></p>")
                    && self.image_of(JOLLOF) != Some(JOLLOFS_IMAGE)
                    && body.is_some_and(|food| self.is_shown(JOLLOF, food))
            }
            "create_food.unique_title" => {
                let foods = self.stored.foods.keys();
                self.is_jollof("Jollof rice", "<p>Smoky</p>")
                    && self.image_of(JOLLOF) == Some(JOLLOFS_IMAGE)
                    && foods.filter(|key| key.starts_with("FOOD#")).count() == 3
            }
            "update_food" => {
                self.is_jollof("Party jollof", "<p>With <b>yaji</b></p>")
                    && self.image_of(JOLLOF) != Some(JOLLOFS_IMAGE)
                    && body.is_some_and(|food| self.is_shown(JOLLOF, food))
            }
            "update_food.keeps_image" => {
                self.is_jollof("Jollof rice", "Smoky")
                    && self.image_of(JOLLOF) == Some(JOLLOFS_IMAGE)
                    && body.is_some_and(|food| self.is_shown(JOLLOF, food))
            }
            "like_food" => self.likes(ADA, WAAKYE),
            "unlike_food" => !self.likes(ADA, FUFU),
            "update_recommendations" => self.has_recommendations_of_like(),
            "update_recommendations.deleted_food" => self.has_no_likes_of_deleted_food(),
            "train_recommendations" => self.is_trained(),
            "delete_food" => self.food(JOLLOF).is_none() && self.food(FUFU).is_some(),
            "logout" | "revoke_session.current" | "refresh.reused_token" => {
                !is_valid(ADAS_SESSION) && is_valid(ADAS_LAPTOP)
            }
            "revoke_session" => !is_valid(ADAS_LAPTOP) && is_valid(ADAS_SESSION),
            "revoke_sessions" => {
                !is_valid(ADAS_LAPTOP) && (is_valid(ADAS_SESSION) || body.is_none())
            }
            "revoke_sessions.all" => !is_valid(ADAS_LAPTOP) && !is_valid(ADAS_SESSION),
            "change_password" => {
                self.is_password(ADA, "difference engine")
                    && !is_valid(ADAS_LAPTOP)
                    && !is_valid(ADAS_SESSION)
                    && body.is_some_and(|tokens| self.is_current(tokens))
            }
            "delete_user" => {
                let has = |key: String| self.stored.users.contains_key(&key);
                !has(format!("USER#{ADA}"))
                    && has(format!("LEFT#{ADA}"))
                    && has(format!("USER#{EVE}"))
                    && self.food(JOLLOF).is_none()
                    && self.food(FUFU).is_some()
                    && !is_valid(ADAS_SESSION)
                    && !is_valid(ADAS_LAPTOP)
                    && !self.likes(ADA, FUFU)
                    && self.likes(BOLA, FUFU)
            }
            "login" | "login.bcrypt_hash" | "refresh" => {
                body.is_some_and(|tokens| self.is_current(tokens))
            }
            "sweep_images" => {
                let eves =
                    [format!("LEFT#{EVE}"), format!("FOOD#{FUFU}"), format!("FOOD#{WAAKYE}")];
                let is_stored = |key| {
                    self.stored.users.contains_key(key) || self.stored.foods.contains_key(key)
                };
                !eves.iter().any(is_stored)
                    && self.is_jollof("Jollof rice", "<p>Smoky</p>")
                    && self.stored.orphans() == 0
                    && !self.likes(EVE, JOLLOF)
                    && self.stored.renditions.len() == 2
            }
            // Reads and presigned uploads change nothing.
            "list_users"
            | "get_user"
            | "get_current_user"
            | "list_food"
            | "get_food"
            | "list_sessions"
            | "list_likes"
            | "list_user_food"
            | "similar_food"
            | "recommend"
            | "login.incorrect_password"
            | "create_image_upload" => true,
            other => panic!("the effect of {other} is unknown"),
        };
        assert!(is_done, "{case}: {body:?}");
    }

    /// Whether everything that Ada's like of fufu changes is stored.
    fn has_recommendations_of_like(&self) -> bool {
        self.has_item(&format!("USER#{ADA}"), "PROFILE")
            && self.has_item(&format!("FOOD#{FUFU}"), "NEIGHBOURS")
            && self.has_top_lists()
            && self.food(FUFU).is_some_and(|food| food["likes"].as_n() == Ok(&"2".to_owned()))
    }

    /// Whether fufu's likes and neighbours are deleted, and only these.
    fn has_no_likes_of_deleted_food(&self) -> bool {
        !self.has_item(&format!("FOOD#{FUFU}"), "NEIGHBOURS")
            && ![ADA, BOLA].iter().any(|user| self.likes(user, FUFU))
            && self.likes(BOLA, WAAKYE)
    }

    /// Whether everything that training derives is stored, and the likes of a food that does not exist are deleted.
    fn is_trained(&self) -> bool {
        let has_profile = |user: &&str| self.has_item(&format!("USER#{user}"), "PROFILE");
        let has_neighbours = |food: &&str| self.has_item(&format!("FOOD#{food}"), "NEIGHBOURS");
        self.has_item("MODEL", "PARAMETERS")
            && self.has_top_lists()
            && [EVE, BOLA].iter().all(has_profile)
            && [JOLLOF, WAAKYE].iter().all(has_neighbours)
            && ![ADA, BOLA].iter().any(|user| self.likes(user, FUFU))
    }

    fn has_top_lists(&self) -> bool {
        ["POPULAR", "TRENDING"].iter().all(|list| self.has_item("TOP", list))
    }

    /// Whether the user likes the food.
    fn likes(&self, user: &str, food: &str) -> bool {
        self.has_item(&format!("USER#{user}"), &format!("LIKE#{food}"))
    }

    /// Whether the table of likes has an item with this key.
    fn has_item(&self, pk: &str, sk: &str) -> bool {
        self.stored.likes.iter().any(|item| text(item, "pk") == pk && text(item, "sk") == sk)
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
        let check = Argon2Hasher::default()
            .verify(&Password::unvalidated(password), &PasswordHash::new(hash.to_owned()));
        hash.starts_with("$argon2id$") && check == PasswordCheck::Valid
    }

    /// Whether exactly one account was created for Grace, with the id in the response body and her password.
    fn has_grace(&self, body: Option<&Value>) -> bool {
        let accounts = self.stored.users.keys();
        let Some(claim) = self.stored.users.get("EMAIL#grace@example.com") else {
            return false;
        };
        let id = text(claim, "user_id");
        accounts.filter(|key| key.starts_with("USER#")).count() == 4
            && body.is_none_or(|user| user["id"] == id)
            && text(&self.stored.users[&format!("USER#{id}")], "first_name") == "Grace"
            && self.is_password(id, "anchors aweigh")
    }

    /// Whether exactly one food was created with the title Suya and the id in the response body.
    fn has_suya(&self, body: Option<&Value>) -> bool {
        let foods = self.stored.foods.keys();
        let Some(claim) = self.stored.foods.get("TITLE#suya") else {
            return false;
        };
        let id = text(claim, "food_id");
        foods.filter(|key| key.starts_with("FOOD#")).count() == 4
            && body.is_none_or(|food| food["id"] == id && self.is_shown(id, food))
            && self.is_adas(id, "Suya", "<p>With <b>yaji</b></p>")
    }

    fn is_jollof(&self, title: &str, description: &str) -> bool {
        self.is_adas(JOLLOF, title, description)
    }

    /// Whether Ada owns the food with this id, title and description.
    fn is_adas(&self, id: &str, title: &str, description: &str) -> bool {
        let Some(food) = self.food(id) else {
            return false;
        };
        text(food, "user_id") == ADA
            && text(food, "title") == title
            && text(food, "description") == description
    }

    /// Whether a response has the stored title, description and image of the food with this id.
    fn is_shown(&self, id: &str, response: &Value) -> bool {
        let Some(food) = self.food(id) else {
            return false;
        };
        let url = response["food_image"].as_str().unwrap_or_default();
        url.contains(text(food, "image_id"))
            && response["title"] == text(food, "title")
            && response["description"] == text(food, "description")
    }

    /// Whether the session of this token pair exists and the refresh token is the current one of the session.
    fn is_current(&self, tokens: &Value) -> bool {
        let access = claims(&tokens["access_token"]);
        let refresh = claims(&tokens["refresh_token"]);
        let session = access["sid"].as_str().expect("a session");
        let current = self.sessions.get(session).map(String::as_str);
        refresh["sid"] == session && current == refresh["jti"].as_str() && current.is_some()
    }
}

/// Decodes the claims of a JWT without verifying the signature.
fn claims(token: &Value) -> Value {
    let payload = token.as_str().and_then(|token| token.split('.').nth(1));
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload.expect("a token"));
    serde_json::from_slice(&payload.expect("Base64")).expect("JSON")
}

/// Expires the leases of all idempotency records, so that a test need not wait for 30 seconds.
pub(crate) async fn expire_leases(recorded: &RecordedFixture) {
    if recorded.redis.is_some() {
        let mut connection = connect(&recorded.setting("TOKEN_STORE_URL")).await;
        for key in keys(&mut connection, "operation:*").await {
            let mut set = redis::cmd("HSET");
            let set = set.arg(key).arg("lease_ends_at").arg(0);
            let () = set.query_async(&mut connection).await.expect("an expired lease");
        }
        return;
    }
    let table = recorded.setting("SESSIONS_TABLE");
    let dynamodb = recorded.dynamodb_engine();
    let items = dynamodb.scan().table_name(&table).send().await;
    for item in items.expect("a scan").items() {
        if item.contains_key("lease_ends_at") {
            let update = dynamodb.update_item().table_name(&table);
            let update = update
                .key("pk", item["pk"].clone())
                .key("sk", item["sk"].clone())
                .update_expression("SET lease_ends_at = :over")
                .expression_attribute_values(":over", AttributeValue::N("0".to_owned()));
            update.send().await.expect("an expired lease");
        }
    }
}

async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).expect("a URL");
    // The default of half a second is too short on a busy machine.
    let timeout = Some(Duration::from_mins(2));
    let config = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(timeout)
        .set_response_timeout(timeout);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    connection.await.expect("a connection")
}

async fn keys(connection: &mut redis::aio::MultiplexedConnection, pattern: &str) -> Vec<String> {
    let mut keys = redis::cmd("KEYS");
    keys.arg(pattern).query_async(connection).await.expect("keys")
}

/// Returns the credentials version of an account or a session.
fn version(item: &Item) -> u64 {
    let version = item.get("credentials_version").and_then(|version| version.as_n().ok());
    version.map_or(0, |version| version.parse().expect("a number"))
}

/// Returns the credentials version of a user; `None` if there is no account.
fn version_of(users: &BTreeMap<String, Item>, id: &str) -> Option<u64> {
    users.get(&format!("USER#{id}")).map(version)
}

/// Reads the active sessions from Redis, as token ids by session id. Asserts that each session is in the set of its
/// user, which the limit of sessions depends on.
async fn sessions_on_redis(url: &str, users: &BTreeMap<String, Item>) -> BTreeMap<String, String> {
    let mut connection = connect(url).await;
    let mut sessions = BTreeMap::new();
    for key in keys(&mut connection, "session:*").await {
        let (rest, id) = key.rsplit_once(':').expect("an id");
        let user = rest.trim_start_matches("session:");
        let mut pipe = redis::pipe();
        let pipe = pipe
            .hget(&key, "token")
            .hget(&key, "credentials_version")
            .zscore(format!("session_ids:{user}"), id);
        let reply = pipe.query_async(&mut connection).await;
        let (token, version, listed): (String, u64, Option<f64>) = reply.expect("a session");
        assert!(listed.is_some(), "{key} is in no set");
        let user = user.trim_matches(['{', '}']);
        if version_of(users, user) == Some(version) {
            sessions.insert(id.to_owned(), token);
        }
    }
    sessions
}
