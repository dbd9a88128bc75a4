//! Tests conflicts of a transaction with another write, and incomplete batch reads. The embedded engine reports neither, so a
//! scripted connector responds here.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use domain::food::{
    Food, FoodCatalog as _, FoodRepository as _, InsertFoodError, ReplaceFoodError, Title,
};
use domain::id::{FoodId, ImageId, SessionId, TokenId, UserId};
use domain::like::{Like, LikeRepository as _};
use domain::password::PasswordHash;
use domain::session::{
    ActiveSessions as _, RefreshTokenState, Rotation, Session, SessionStore as _,
};
use domain::storage::StorageError;
use domain::testing::sample;
use domain::user::{InsertUserError, UserRepository as _};
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbLikes, DynamoDbSessions, DynamoDbUsers};
use infrastructure::sessions::{Sessions, UserSessions};
use serde_json::{Value, json};

const CONFLICT: &str = "TransactionCanceledException";
const IN_PROGRESS: &str = "TransactionInProgressException";

/// An HTTP connector that cancels transactions and stores at most one claim.
#[derive(Debug, Clone)]
struct Script(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    error: &'static str,
    /// Number of transactions that are still to be cancelled.
    conflicts: usize,
    /// Key and item of the stored claim.
    claim: Option<(String, Value)>,
    operations: Vec<String>,
}

impl Script {
    fn new(error: &'static str, conflicts: usize, claim: Option<(String, Value)>) -> Self {
        Self(Arc::new(Mutex::new(State { error, conflicts, claim, operations: Vec::new() })))
    }

    fn client(&self) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .sleep_impl(TokioSleep::new())
            // The SDK would retry a transaction in progress itself.
            .retry_config(RetryConfig::disabled());
        Client::from_conf(config.build())
    }

    fn operations(&self) -> Vec<String> {
        self.0.lock().unwrap().operations.clone()
    }
}

impl State {
    fn respond(&mut self, operation: &str, input: &Value) -> (u16, Value) {
        self.operations.push(operation.to_owned());
        if operation == "GetItem" {
            assert_eq!(input["ConsistentRead"], true);
            let claim = self.claim.as_ref();
            let claim = claim.filter(|(key, _)| input["Key"]["pk"]["S"] == *key);
            return (200, json!({"Item": claim.map(|(_, item)| item)}));
        }
        if operation == "BatchGetItem" {
            let requested = &input["RequestItems"];
            if requested["foods"].is_object() {
                return self.respond_with_half(requested);
            }
            for table in ["users", "sessions"] {
                assert_eq!(requested[table]["ConsistentRead"], true);
            }
            let rest = self.conflicts.checked_sub(1);
            self.conflicts = rest.unwrap_or_default();
            if rest.is_some() {
                return (200, json!({"Responses": {}, "UnprocessedKeys": requested}));
            }
            let account = json!({"pk": {"S": "USER#"}, "credentials_version": {"N": "3"}});
            return (200, json!({"Responses": {"users": [account]}, "UnprocessedKeys": {}}));
        }
        let error = |code| json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}")});
        let Some(rest) = self.conflicts.checked_sub(1) else {
            return match operation {
                // No item is stored.
                "UpdateItem" => (400, error("ConditionalCheckFailedException")),
                _ => (200, json!({})),
            };
        };
        self.conflicts = rest;
        if operation != "TransactWriteItems" {
            return (400, error("TransactionConflictException"));
        }
        let items = input["TransactItems"].as_array().expect("items");
        // Only the claims conflict, not the entity.
        let reasons = (0..items.len()).map(|index| match index {
            0 => json!({"Code": "None"}),
            _ => json!({"Code": "TransactionConflict"}),
        });
        let mut canceled = error(self.error);
        canceled["CancellationReasons"] = reasons.collect();
        (400, canceled)
    }
}

impl State {
    /// Responds with the first half of the requested foods, or with all if no conflict is left.
    fn respond_with_half(&mut self, requested: &Value) -> (u16, Value) {
        let keys = requested["foods"]["Keys"].as_array().expect("keys");
        let rest = self.conflicts.checked_sub(1);
        self.conflicts = rest.unwrap_or_default();
        let (found, rest) = keys.split_at(rest.map_or(keys.len(), |_| keys.len() / 2));
        let id = |key: &Value| json!(key["pk"]["S"].as_str().expect("a key").replace("FOOD#", ""));
        let found: Vec<_> = found.iter().map(|key| json!({"id": {"S": id(key)}})).collect();
        let mut unprocessed = json!({});
        if !rest.is_empty() {
            unprocessed = requested.clone();
            unprocessed["foods"]["Keys"] = rest.into();
        }
        (200, json!({"Responses": {"foods": found}, "UnprocessedKeys": unprocessed}))
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").expect("an operation");
        let (_, operation) = operation.split_once('.').expect("a version");
        let input = serde_json::from_slice(request.body().bytes().expect("bytes"));
        let (status, output) = (self.0.lock().unwrap()).respond(operation, &input.expect("JSON"));
        let status = status.try_into().expect("a status");
        let response = HttpResponse::new(status, SdkBody::from(output.to_string()));
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// Returns key and item of a claim that `owner` holds.
fn claim(key: String, attribute: &str, owner: &impl ToString) -> (String, Value) {
    (key, json!({ attribute: {"S": owner.to_string()} }))
}

async fn sign_up(script: &Script) -> Result<(), InsertUserError> {
    let mut user = sample::user();
    user.email = domain::user::Email::parse("ada@example.com").unwrap();
    let users = DynamoDbUsers::new(script.client(), "users".to_owned());
    users.create(&user, &PasswordHash::new("hash".to_owned())).await
}

fn rice() -> Food {
    let mut food = sample::food(&sample::public_user(sample::timestamp()));
    food.title = Title::parse("Rice").unwrap();
    food
}

fn foods(script: &Script) -> DynamoDbFoods {
    DynamoDbFoods::new(script.client(), "foods".to_owned())
}

#[tokio::test(start_paused = true)]
async fn transaction_conflict_on_taken_email_is_not_retried() {
    for error in [CONFLICT, IN_PROGRESS] {
        let other = UserId::new(sample::timestamp());
        let taken = claim("EMAIL#ada@example.com".to_owned(), "user_id", &other);
        let script = Script::new(error, usize::MAX, Some(taken));
        let created = sign_up(&script).await;
        assert!(matches!(created, Err(InsertUserError::EmailTaken)));
        assert_eq!(script.operations(), ["TransactWriteItems", "GetItem"]);
    }
}

#[tokio::test(start_paused = true)]
async fn transaction_conflict_on_free_email_is_retried() {
    for error in [CONFLICT, IN_PROGRESS] {
        let script = Script::new(error, 30, None);
        sign_up(&script).await.unwrap();
        assert_eq!(script.operations().len(), 30 * 2 + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn persistent_transaction_conflict_returns_unavailable() {
    let script = Script::new(CONFLICT, usize::MAX, None);
    let Err(InsertUserError::Storage(error)) = sign_up(&script).await else {
        panic!("expected a storage error");
    };
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn transaction_conflict_on_taken_title_or_upload_is_not_retried() {
    let (food, other) = (rice(), FoodId::new(sample::timestamp()));
    let upload = ImageId::new(sample::timestamp());
    let new = Food { upload: Some(upload), ..food.clone() };
    let renamed = Food { title: Title::parse("Stew").unwrap(), ..new.clone() };
    let taken =
        |key| foods(&Script::new(CONFLICT, usize::MAX, Some(claim(key, "food_id", &other))));
    let (rice, stew) = ("TITLE#rice".to_owned(), "TITLE#stew".to_owned());
    let claimed = format!("UPLOAD#{upload}");

    let created = taken(rice).create(&new).await;
    assert!(matches!(created, Err(InsertFoodError::TitleTaken)));
    let created = taken(claimed.clone()).create(&new).await;
    assert!(matches!(created, Err(InsertFoodError::UploadTaken)));
    let updated = taken(stew).update(&food, &renamed).await;
    assert!(matches!(updated, Err(ReplaceFoodError::TitleTaken)));
    let updated = taken(claimed).update(&food, &renamed).await;
    assert!(matches!(updated, Err(ReplaceFoodError::UploadTaken)));
}

/// A food already holds its own claim if an earlier response was lost, or if a concurrent update gave it this title.
#[tokio::test(start_paused = true)]
async fn transaction_conflict_on_own_title_claim_is_retried() {
    let food = rice();
    let own = claim("TITLE#rice".to_owned(), "food_id", &food.id);
    let script = Script::new(CONFLICT, 1, Some(own));
    foods(&script).create(&food).await.unwrap();
}

fn sessions(script: &Script) -> DynamoDbSessions {
    DynamoDbSessions::new(script.client(), "sessions".to_owned())
}

#[tokio::test(start_paused = true)]
async fn rotation_and_revocation_during_a_transaction_are_retried() {
    let now = sample::timestamp();
    let (user, session, token) = (UserId::new(now), SessionId::new(now), TokenId::new(now));
    let script = Script::new(CONFLICT, 30, None);
    let next = RefreshTokenState::new(now, Duration::from_hours(1));
    let rotated = sessions(&script).rotate(user, session, token, &next, now).await;
    assert_eq!(rotated.unwrap(), Rotation::SessionNotFound);
    assert_eq!(script.operations(), ["UpdateItem"; 31]);
    let script = Script::new(CONFLICT, 30, None);
    sessions(&script).revoke(user, session).await.unwrap();
    assert_eq!(script.operations(), ["DeleteItem"; 31]);
}

#[tokio::test(start_paused = true)]
async fn revocation_gives_up_after_repeated_conflicts() {
    let script = Script::new(CONFLICT, usize::MAX, None);
    let now = sample::timestamp();
    let revoked = sessions(&script).revoke(UserId::new(now), SessionId::new(now)).await;
    assert!(matches!(revoked, Err(StorageError::Unavailable(_))), "{revoked:?}");
}

async fn check_session(script: &Script) -> Result<(Option<Session>, Option<u64>), StorageError> {
    let users = DynamoDbUsers::new(script.client(), "users".to_owned());
    let sessions = &Sessions::DynamoDb(sessions(script));
    let now = sample::timestamp();
    let active = UserSessions { users: &users, sessions };
    active.find(UserId::new(now), SessionId::new(now), now).await
}

#[tokio::test(start_paused = true)]
async fn incomplete_read_of_session_and_user_is_repeated() {
    let script = Script::new(CONFLICT, 2, None);
    assert_eq!(check_session(&script).await.unwrap(), (None, Some(3)));
    assert_eq!(script.operations(), ["BatchGetItem"; 3]);
    // An incomplete response is no revoked session.
    let script = Script::new(CONFLICT, usize::MAX, None);
    let error = check_session(&script).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn unprocessed_foods_of_a_batch_are_read_again() {
    let mut ids: Vec<_> = (0..40).map(|_| FoodId::new(sample::timestamp())).collect();
    let script = Script::new(CONFLICT, 3, None);
    let mut found = foods(&script).find_existing(&ids).await.unwrap();
    ids.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, ids);
    assert_eq!(script.operations(), ["BatchGetItem"; 4]);
    let error = foods(&Script::new(CONFLICT, usize::MAX, None)).find_existing(&ids).await;
    assert!(matches!(error, Err(StorageError::Unavailable(_))), "{error:?}");
}

fn likes(script: &Script) -> DynamoDbLikes {
    DynamoDbLikes::new(script.client(), "likes".to_owned())
}

/// Many users like one food at once, so transactions meet on its counts.
#[tokio::test(start_paused = true)]
async fn contended_count_of_likes_is_retried() {
    let now = sample::timestamp();
    let like = Like { user: UserId::new(now), food: FoodId::new(now), liked_at: now };
    for error in [CONFLICT, IN_PROGRESS] {
        let script = Script::new(error, 30, None);
        assert!(likes(&script).create(&like).await.unwrap());
        assert_eq!(script.operations(), ["TransactWriteItems"; 31]);
        let script = Script::new(error, 30, None);
        assert!(likes(&script).delete(like.user, like.food).await.unwrap());
        assert_eq!(script.operations(), ["TransactWriteItems"; 31]);
    }
    let created = likes(&Script::new(CONFLICT, usize::MAX, None)).create(&like).await;
    assert!(matches!(created, Err(StorageError::Unavailable(_))), "{created:?}");
}
