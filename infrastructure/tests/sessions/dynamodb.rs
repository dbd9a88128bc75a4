//! Sessions on `DynamoDB`.

use std::sync::Arc;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::clock::{Clock as _, SystemClock, Timestamp};
use domain::id::TokenId;
use domain::session::{RefreshTokenState, Rotation, Session, SessionStore as _};
use domain::testing::sample;
use engines::{AccessKey, DynamoDb, Engines, S3, TableNames, create_tables, settings};
use infrastructure::aws::Aws;
use infrastructure::dynamodb::DynamoDbSessions;
use infrastructure::sessions::Sessions;

use crate::{Accounts, LIFETIME, assert_corrupt, begin, find, rotate, users_on};

/// Returns sessions on a new table, and its name.
async fn with_table() -> (Sessions, Arc<Engines>, String) {
    let engines = Engines::shared();
    let table = engines.tables().await.sessions;
    let sessions = DynamoDbSessions::new(engines.aws().dynamodb(), table.clone());
    (Sessions::DynamoDb(sessions), engines, table)
}

async fn start() -> (Sessions, Arc<Engines>) {
    let (sessions, engines, _) = with_table().await;
    (sessions, engines)
}

async fn accounts() -> (Accounts, Arc<Engines>) {
    let (sessions, engines) = start().await;
    let users = users_on(&engines).await;
    (Accounts { users, sessions }, engines)
}

domain::active_sessions_contract!(accounts().await);
domain::session_store_contract!(start().await);
domain::rate_limit_store_contract!(start().await);
domain::idempotency_store_contract!(start().await);

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Stores a session, applies the update to its item and returns the session.
async fn stored(
    (sessions, engines, table): &(Sessions, Arc<Engines>, String),
    update: impl FnOnce(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
) -> Session {
    let session = begin(sample::timestamp());
    sessions.create(&session, session.created_at).await.unwrap();
    let item = engines
        .aws()
        .dynamodb()
        .update_item()
        .table_name(table)
        .key("pk", text(&session.user.to_string()))
        .key("sk", text(&session.id.to_string()));
    update(item).send().await.unwrap();
    session
}

#[tokio::test]
async fn dynamodb_session_without_stored_version_has_version_0() {
    let store = with_table().await;
    let remove = "REMOVE credentials_version";
    let session = stored(&store, |update| update.update_expression(remove)).await;
    let found = find(&store.0, &session, session.created_at).await;
    assert_eq!(found.unwrap(), Some(session));
}

#[tokio::test]
async fn dynamodb_ttl_removes_only_expired_sessions() {
    let key = AccessKey::random();
    let dynamodb = DynamoDb::temporary(&key).unwrap();
    let s3 = S3::temporary(&key).unwrap();
    let client = Aws::new(settings(&dynamodb, &s3)).unwrap().dynamodb();
    let names = TableNames::with_prefix("sweep-");
    create_tables(&client, &names).await.unwrap();
    let sessions = DynamoDbSessions::new(client, names.sessions);

    let now = SystemClock.now();
    let long_ago = Timestamp::from_unix_millis(1_000_000_000_000).unwrap();
    let (active, expired, refreshed) = (begin(now), begin(long_ago), begin(long_ago));
    sessions.create(&active, now).await.unwrap();
    for session in [&expired, &refreshed] {
        sessions.create(session, long_ago).await.unwrap();
    }
    let (user, id, presented) = (refreshed.user, refreshed.id, refreshed.refresh.token);
    let next = RefreshTokenState::new(now, LIFETIME);
    let rotation = sessions.rotate(user, id, presented, &next, long_ago).await;
    assert!(matches!(rotation, Ok(Rotation::Rotated(_))), "{rotation:?}");
    assert!(find(&sessions, &expired, long_ago).await.unwrap().is_some());
    assert_eq!(dynamodb.database().sweep_ttl().unwrap(), 1);
    assert_eq!(find(&sessions, &expired, long_ago).await.unwrap(), None);
    assert_eq!(find(&sessions, &active, now).await.unwrap(), Some(active));
    assert!(find(&sessions, &refreshed, now).await.unwrap().is_some());
}

#[tokio::test]
async fn corrupt_dynamodb_session_is_reported_and_kept() {
    let store = with_table().await;
    let sessions = &store.0;
    let now = sample::timestamp();
    let number = |value: &str| AttributeValue::N(value.to_owned());
    for (name, value) in [
        ("token", text("nonsense")),
        ("token", number("1")),
        ("created_at", text("")),
        ("issued_at", number("-1")),
        ("refresh_expires_at", text("tomorrow")),
        ("user_agent", text(" ")),
        ("credentials_version", text("1")),
        ("previous", text(&TokenId::new(now).to_string())),
    ] {
        let session = stored(&store, |update| {
            update
                .update_expression("SET #name = :value")
                .expression_attribute_names("#name", name)
                .expression_attribute_values(":value", value)
        })
        .await;
        let mut other = session.clone();
        other.refresh.token = TokenId::new(now);
        for _ in 0..2 {
            assert_corrupt(find(sessions, &session, now).await, name);
            assert_corrupt(rotate(sessions, &other, now).await.1, name);
        }
    }
}
