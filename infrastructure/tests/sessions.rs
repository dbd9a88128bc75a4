//! The contract of the sessions, on a real Valkey and on the `DynamoDB` engine, and what is special
//! about each.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::clock::{Clock, SystemClock, Timestamp};
use domain::id::{TokenId, UserId};
use domain::session::{RefreshGrant, Rotation, Session, SessionStore};
use domain::storage::StorageError;
use domain::testing::sample;
use engines::{DynamoDb, Engines, S3, TableNames, Valkey, create_tables, settings};
use futures_util::future::join_all;
use infrastructure::aws::Aws;
use infrastructure::dynamodb::DynamoDbSessions;
use infrastructure::redis::RedisSessions;
use infrastructure::sessions::Sessions;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LIFETIME: Duration = Duration::from_hours(1);

fn begin(now: Timestamp) -> Session {
    Session::begin(UserId::new(now), now, LIFETIME, None)
}

fn key(session: &Session) -> String {
    format!("session:{{{}}}:{}", session.user, session.id)
}

fn sessions_on(valkey: &Valkey) -> RedisSessions {
    RedisSessions::new(&valkey.url()).unwrap()
}

async fn connect(valkey: &Valkey) -> MultiplexedConnection {
    let client = redis::Client::open(valkey.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn rotate(
    sessions: &impl SessionStore,
    session: &Session,
    now: Timestamp,
) -> (RefreshGrant, Result<Rotation, StorageError>) {
    let next = RefreshGrant::new(now, LIFETIME);
    let presented = session.refresh.token;
    let rotation = sessions
        .rotate(session.user, session.id, presented, &next, now)
        .await;
    (next, rotation)
}

async fn find(
    sessions: &impl SessionStore,
    session: &Session,
    now: Timestamp,
) -> Result<Option<Session>, StorageError> {
    sessions.find(session.user, session.id, now).await
}

mod on_valkey {
    use super::*;

    fn start() -> (Sessions, Valkey) {
        let valkey = Valkey::start().unwrap();
        (Sessions::Redis(Box::new(sessions_on(&valkey))), valkey)
    }

    domain::session_store_contract!(start());
    domain::attempt_store_contract!(start());
    domain::idempotency_store_contract!(start());
}

mod on_dynamodb {
    use super::*;

    async fn start() -> (Sessions, Arc<Engines>) {
        let engines = Engines::shared();
        let table = engines.tables().await.sessions;
        let sessions = DynamoDbSessions::new(engines.aws().dynamodb(), table);
        (Sessions::DynamoDb(sessions), engines)
    }

    domain::session_store_contract!(start().await);
    domain::attempt_store_contract!(start().await);
    domain::idempotency_store_contract!(start().await);
}

#[tokio::test]
async fn a_key_lives_as_long_as_its_session() {
    let valkey = Valkey::start().unwrap();
    let sessions = sessions_on(&valkey);
    let mut redis = connect(&valkey).await;
    let now = sample::moment().whole_seconds();
    let session = begin(now);
    sessions.create(&session, now).await.unwrap();
    let nearly = |millis: i64| millis - 10_000..=millis;
    let left: i64 = redis.pttl(key(&session)).await.unwrap();
    assert!(nearly(3_600_000).contains(&left), "{left}");

    let later = now.plus(Duration::from_mins(30));
    let next = RefreshGrant::new(later, LIFETIME * 2);
    let rotation = sessions
        .rotate(
            session.user,
            session.id,
            session.refresh.token,
            &next,
            later,
        )
        .await;
    assert!(matches!(rotation, Ok(Rotation::Rotated(_))), "{rotation:?}");
    let left: i64 = redis.pttl(key(&session)).await.unwrap();
    assert!(nearly(7_200_000).contains(&left), "{left}");
}

#[tokio::test]
async fn nothing_is_left_of_a_session_that_is_over() {
    let valkey = Valkey::start().unwrap();
    let sessions = sessions_on(&valkey);
    let mut redis = connect(&valkey).await;
    let now = sample::moment();

    // Kept at the moment of its end, it is gone at once.
    let expired = begin(now);
    let end = expired.refresh.expires_at;
    sessions.create(&expired, end).await.unwrap();

    let revoked = begin(now);
    sessions.create(&revoked, now).await.unwrap();
    sessions.revoke(revoked.user, revoked.id).await.unwrap();
    let (_, rotation) = rotate(&sessions, &revoked, now).await;
    assert!(matches!(rotation, Ok(Rotation::Ended)), "{rotation:?}");

    let reused = begin(now);
    sessions.create(&reused, now).await.unwrap();
    let (_, rotation) = rotate(&sessions, &reused, now).await;
    assert!(matches!(rotation, Ok(Rotation::Rotated(_))), "{rotation:?}");
    let much_later = now.plus(Duration::from_mins(1));
    let (_, rotation) = rotate(&sessions, &reused, much_later).await;
    assert!(matches!(rotation, Ok(Rotation::Reused)), "{rotation:?}");

    let keys: usize = redis::cmd("DBSIZE").query_async(&mut redis).await.unwrap();
    assert_eq!(keys, 0);
}

#[tokio::test]
async fn a_connection_that_died_between_two_requests_is_replaced() {
    let mut valkey = Valkey::start().unwrap();
    let sessions = sessions_on(&valkey);
    let now = sample::moment();
    let session = begin(now);
    sessions.create(&session, now).await.unwrap();

    valkey.restart().unwrap();
    assert_eq!(find(&sessions, &session, now).await.unwrap(), None);
    sessions.create(&session, now).await.unwrap();
    valkey.restart().unwrap();
    sessions.create(&session, now).await.unwrap();
    let (_, rotation) = rotate(&sessions, &session, now).await;
    assert!(matches!(rotation, Ok(Rotation::Rotated(_))), "{rotation:?}");
}

#[tokio::test]
async fn a_server_that_is_back_is_found_again() {
    let mut valkey = Valkey::start().unwrap();
    let sessions = sessions_on(&valkey);
    let now = sample::moment();
    let session = begin(now);
    sessions.create(&session, now).await.unwrap();

    valkey.kill();
    for _ in 0..2 {
        let found = find(&sessions, &session, now).await;
        assert!(
            matches!(found, Err(StorageError::Unavailable(_))),
            "{found:?}"
        );
    }
    valkey.restart().unwrap();
    sessions.create(&session, now).await.unwrap();
    assert_eq!(find(&sessions, &session, now).await.unwrap(), Some(session));
}

#[tokio::test]
async fn a_rotation_whose_answer_was_lost_is_told_again() {
    let valkey = Valkey::start().unwrap();
    let proxy = Proxy::before(&valkey).await;
    let url = format!("redis://:{}@127.0.0.1:{}", valkey.password(), proxy.port);
    let sessions = RedisSessions::new(&url).unwrap();
    let now = sample::moment();
    let session = begin(now);
    sessions.create(&session, now).await.unwrap();
    // The script is known to the server from now on: what is lost next is the answer of a rotation.
    let unknown = begin(now);
    let (_, rotation) = rotate(&sessions, &unknown, now).await;
    assert!(matches!(rotation, Ok(Rotation::Ended)), "{rotation:?}");

    proxy.loses_next_answer.store(true, Ordering::SeqCst);
    let (next, rotation) = rotate(&sessions, &session, now).await;
    let rotated = session.rotated(next, now);
    assert!(!proxy.loses_next_answer.load(Ordering::SeqCst));
    assert_eq!(rotation.unwrap(), Rotation::Repeated(rotated.clone()));
    assert_eq!(find(&sessions, &session, now).await.unwrap(), Some(rotated));
}

#[tokio::test]
async fn a_damaged_record_on_valkey_is_told_and_kept() {
    let valkey = Valkey::start().unwrap();
    let sessions = sessions_on(&valkey);
    let mut redis = connect(&valkey).await;
    let now = sample::moment();
    for (field, value) in [
        ("token", "nonsense"),
        ("token", ""),
        ("expires_at", "tomorrow"),
        ("created_at", "-1"),
        ("user_agent", " "),
        ("previous", "nonsense"),
        // A token before without the moment of its end.
        ("previous", "01a3c1f4-0000-7000-8000-000000000000"),
    ] {
        let session = begin(now);
        sessions.create(&session, now).await.unwrap();
        let () = redis.hset(key(&session), field, value).await.unwrap();
        let found = find(&sessions, &session, now).await;
        assert!(
            matches!(found, Err(StorageError::Corrupt(_))),
            "{field}: {found:?}"
        );
        let (_, rotation) = rotate(&sessions, &session, now).await;
        assert!(
            matches!(rotation, Err(StorageError::Corrupt(_))),
            "{field}: {rotation:?}"
        );
        assert!(
            redis.exists::<_, bool>(key(&session)).await.unwrap(),
            "{field}"
        );
    }

    // A rotation writes another one over this.
    let session = begin(now);
    sessions.create(&session, now).await.unwrap();
    let () = redis.hset(key(&session), "issued_at", "").await.unwrap();
    let found = find(&sessions, &session, now).await;
    assert!(matches!(found, Err(StorageError::Corrupt(_))), "{found:?}");

    let session = begin(now);
    let () = redis.set(key(&session), "no hash").await.unwrap();
    let found = find(&sessions, &session, now).await;
    assert!(matches!(found, Err(StorageError::Corrupt(_))), "{found:?}");
    let (_, rotation) = rotate(&sessions, &session, now).await;
    assert!(
        matches!(rotation, Err(StorageError::Corrupt(_))),
        "{rotation:?}"
    );

    let session = begin(now);
    let () = redis
        .hset(key(&session), "token", &b"\xff"[..])
        .await
        .unwrap();
    let found = find(&sessions, &session, now).await;
    assert!(matches!(found, Err(StorageError::Corrupt(_))), "{found:?}");
}

#[tokio::test]
async fn nobody_waits_long_for_a_server_that_is_not_there() {
    let now = sample::moment();
    let session = begin(now);
    // One refuses connections, the other takes them and says nothing.
    let refusing = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let refusing_port = refusing.local_addr().unwrap().port();
    drop(refusing);
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let silent_port = silent.local_addr().unwrap().port();

    for (scheme, port) in [
        ("redis", refusing_port),
        ("redis", silent_port),
        ("rediss", refusing_port),
        ("rediss", silent_port),
    ] {
        let url = format!("{scheme}://127.0.0.1:{port}");
        let sessions = RedisSessions::new(&url).unwrap();
        let started = Instant::now();
        let all = join_all((0..20).map(|_| find(&sessions, &session, now))).await;
        for found in all {
            assert!(
                matches!(found, Err(StorageError::Unavailable(_))),
                "{found:?}"
            );
        }
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "{url}: {:?}",
            started.elapsed()
        );
    }
}

#[tokio::test]
async fn the_ttl_of_an_item_is_in_seconds() {
    let engines = Engines::shared();
    let (client, table) = (engines.aws().dynamodb(), engines.tables().await.sessions);
    let sessions = DynamoDbSessions::new(client.clone(), table.clone());
    let now = sample::moment();
    let session = begin(now);
    sessions.create(&session, now).await.unwrap();
    let ttl = async || {
        let get = client
            .get_item()
            .table_name(&table)
            .key("pk", AttributeValue::S(session.user.to_string()))
            .key("sk", AttributeValue::S(session.id.to_string()));
        let item = get.send().await.unwrap().item.unwrap();
        item["expires_at"].as_n().unwrap().clone()
    };
    let seconds = |expires_at: Timestamp| expires_at.unix_seconds().to_string();
    assert_eq!(ttl().await, seconds(session.refresh.expires_at));

    let (next, rotation) = rotate(&sessions, &session, now.plus(LIFETIME / 2)).await;
    assert!(matches!(rotation, Ok(Rotation::Rotated(_))), "{rotation:?}");
    assert_eq!(ttl().await, seconds(next.expires_at));
}

#[tokio::test]
async fn expired_items_are_swept_away_and_others_are_not() {
    let dynamodb = DynamoDb::memory().unwrap();
    let s3 = S3::temporary("test", "test-secret").unwrap();
    let client = Aws::new(settings(&dynamodb, &s3)).unwrap().dynamodb();
    let names = TableNames::with_prefix("sweep-");
    create_tables(&client, &names).await.unwrap();
    let sessions = DynamoDbSessions::new(client, names.sessions);

    let now = SystemClock.now();
    let long_ago = Timestamp::from_unix_millis(1_000_000_000_000).unwrap();
    let (alive, over) = (begin(now), begin(long_ago));
    sessions.create(&alive, now).await.unwrap();
    sessions.create(&over, long_ago).await.unwrap();
    assert_eq!(
        find(&sessions, &over, long_ago).await.unwrap(),
        Some(over.clone())
    );
    assert_eq!(dynamodb.sweep().unwrap(), 1);
    assert_eq!(find(&sessions, &over, long_ago).await.unwrap(), None);
    assert_eq!(find(&sessions, &alive, now).await.unwrap(), Some(alive));
}

#[tokio::test]
async fn a_damaged_item_on_dynamodb_is_told_and_kept() {
    let engines = Engines::shared();
    let (client, table) = (engines.aws().dynamodb(), engines.tables().await.sessions);
    let sessions = DynamoDbSessions::new(client.clone(), table.clone());
    let now = sample::moment();
    let (text, number) = (
        |value: &str| AttributeValue::S(value.to_owned()),
        |value: &str| AttributeValue::N(value.to_owned()),
    );
    for (name, value) in [
        ("token", text("nonsense")),
        ("token", number("1")),
        ("created_at", text("")),
        ("issued_at", number("-1")),
        ("refresh_expires_at", text("tomorrow")),
        ("user_agent", text(" ")),
        ("previous", text(&TokenId::new(now).to_string())),
    ] {
        let session = begin(now);
        sessions.create(&session, now).await.unwrap();
        let damage = client
            .update_item()
            .table_name(&table)
            .key("pk", text(&session.user.to_string()))
            .key("sk", text(&session.id.to_string()))
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value);
        damage.send().await.unwrap();
        for _ in 0..2 {
            let found = find(&sessions, &session, now).await;
            assert!(
                matches!(found, Err(StorageError::Corrupt(_))),
                "{name}: {found:?}"
            );
            let mut other = session.clone();
            other.refresh.token = TokenId::new(now);
            let (_, rotation) = rotate(&sessions, &other, now).await;
            assert!(
                matches!(rotation, Err(StorageError::Corrupt(_))),
                "{name}: {rotation:?}"
            );
        }
    }
}

/// Stands before a server and loses answers.
struct Proxy {
    port: u16,
    loses_next_answer: Arc<AtomicBool>,
}

impl Proxy {
    async fn before(valkey: &Valkey) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            loses_next_answer: Arc::default(),
        };
        let (loses, port) = (proxy.loses_next_answer.clone(), valkey.port());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
                tokio::spawn(forward(client, server.unwrap(), loses.clone()));
            }
        });
        proxy
    }
}

async fn forward(client: TcpStream, server: TcpStream, loses: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let questions = tokio::io::copy(&mut from_client, &mut to_server);
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from_server.read(&mut buffer).await {
                Ok(length) if length > 0 && !loses.swap(false, Ordering::SeqCst) => {
                    if to_client.write_all(&buffer[..length]).await.is_err() {
                        break;
                    }
                }
                _ => break,
            }
        }
    };
    tokio::select! {
        _ = questions => {}
        () = answers => {}
    }
}
