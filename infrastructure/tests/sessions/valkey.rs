//! Sessions on Valkey.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::id::{TokenId, UserId};
use domain::page::{PageRequest, PageSize};
use domain::session::{RefreshTokenState, Rotation, Session, SessionStore as _};
use domain::storage::StorageError;
use domain::testing::sample;
use engines::{Engines, Valkey};
use futures_util::future::join_all;
use infrastructure::redis::RedisSessions;
use infrastructure::sessions::Sessions;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{Accounts, LIFETIME, assert_corrupt, begin, find, rotate, users_on};

fn key(session: &Session) -> String {
    format!("session:{{{}}}:{}", session.user, session.id)
}

fn start() -> (Sessions, Valkey) {
    let valkey = Valkey::start().unwrap();
    let sessions = RedisSessions::new(&valkey.url()).unwrap();
    (Sessions::Redis(Box::new(sessions)), valkey)
}

/// Starts a server and connects to it; the connection is the test's own.
async fn connected() -> (Sessions, Valkey, MultiplexedConnection) {
    let (sessions, valkey) = start();
    let client = redis::Client::open(valkey.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    (sessions, valkey, connection)
}

async fn accounts() -> (Accounts, (Valkey, Arc<Engines>)) {
    let (sessions, valkey) = start();
    let engines = Engines::shared();
    let users = users_on(&engines).await;
    (Accounts { users, sessions }, (valkey, engines))
}

domain::active_sessions_contract!(accounts().await);
domain::session_store_contract!(start());
domain::rate_limit_store_contract!(start());
domain::idempotency_store_contract!(start());

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, StorageError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn redis_session_key_expires_with_the_session() {
    let (sessions, _valkey, mut redis) = connected().await;
    let now = sample::timestamp().whole_seconds();
    let session = begin(now);
    let mut assert_ttl = async |lifetime: Duration| {
        let ttl: i64 = redis.pttl(key(&session)).await.unwrap();
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap();
        // The test may be slow by up to a minute.
        assert!((lifetime - 60_000..=lifetime).contains(&ttl), "{ttl}");
    };
    sessions.create(&session, now).await.unwrap();
    assert_ttl(LIFETIME).await;

    let next = RefreshTokenState::new(now, LIFETIME * 2);
    let (user, id, presented) = (session.user, session.id, session.refresh.token);
    let rotation = sessions.rotate(user, id, presented, &next, now).await;
    assert!(matches!(rotation, Ok(Rotation::Rotated(_))), "{rotation:?}");
    assert_ttl(LIFETIME * 2).await;
}

#[tokio::test]
async fn expired_or_revoked_session_leaves_no_redis_key() {
    let (sessions, _valkey, mut redis) = connected().await;
    let now = sample::timestamp();

    let expired = begin(now);
    let end = expired.refresh.expires_at;
    sessions.create(&expired, end).await.unwrap();

    let revoked = begin(now);
    sessions.create(&revoked, now).await.unwrap();
    sessions.revoke(revoked.user, revoked.id).await.unwrap();
    let (_, rotation) = rotate(&sessions, &revoked, now).await;
    assert_eq!(rotation.unwrap(), Rotation::SessionNotFound);

    let reused = begin(now);
    sessions.create(&reused, now).await.unwrap();
    let (next, _) = rotate(&sessions, &reused, now).await;
    rotate(&sessions, &reused.rotated(next, now), now).await.1.unwrap();
    let (_, rotation) = rotate(&sessions, &reused, now).await;
    assert_eq!(rotation.unwrap(), Rotation::Reused);

    let keys: usize = redis::cmd("DBSIZE").query_async(&mut redis).await.unwrap();
    assert_eq!(keys, 0);
}

#[tokio::test]
async fn ids_of_expired_redis_sessions_are_removed_when_listed() {
    let (sessions, _valkey, mut redis) = connected().await;
    let now = sample::timestamp();
    let user = UserId::new(now);
    let mut all = Vec::new();
    for _ in 0..5 {
        let session = Session::begin(user, 0, sample::timestamp(), LIFETIME, None);
        sessions.create(&session, now).await.unwrap();
        all.push(session);
    }
    for expired in [0, 3, 4] {
        let () = redis.del(key(&all[expired])).await.unwrap();
    }
    let size = PageSize::parse("1").unwrap();
    let page = sessions.list(user, PageRequest { after: None, size }).await.unwrap();
    assert_eq!((page.items, page.more), (vec![all[2].clone()], true));
    let after = Some(all[2].id);
    let page = sessions.list(user, PageRequest { after, size }).await.unwrap();
    assert_eq!((page.items, page.more), (vec![all[1].clone()], false));
    let ids: usize = redis.zcard(format!("session_ids:{{{user}}}")).await.unwrap();
    assert_eq!(ids, 2);
}

#[tokio::test]
async fn redis_session_without_stored_version_has_version_0() {
    let (sessions, _valkey, mut redis) = connected().await;
    let now = sample::timestamp();
    let session = begin(now);
    sessions.create(&session, now).await.unwrap();
    let () = redis.hdel(key(&session), "credentials_version").await.unwrap();
    assert_eq!(find(&sessions, &session, now).await.unwrap(), Some(session));
}

#[tokio::test]
async fn broken_redis_connection_is_replaced() {
    let (sessions, mut valkey) = start();
    let now = sample::timestamp();
    let session = begin(now);
    for _ in 0..2 {
        sessions.create(&session, now).await.unwrap();
        valkey.restart().unwrap();
    }
    assert_eq!(find(&sessions, &session, now).await.unwrap(), None);

    valkey.kill();
    for _ in 0..2 {
        assert_unavailable(find(&sessions, &session, now).await);
    }
    valkey.restart().unwrap();
    sessions.create(&session, now).await.unwrap();
    assert_eq!(find(&sessions, &session, now).await.unwrap(), Some(session));
}

#[tokio::test]
async fn redis_token_rotation_is_replayed_after_a_lost_reply() {
    let valkey = Valkey::start().unwrap();
    let proxy = Proxy::start(&valkey).await;
    let url = format!("redis://:{}@127.0.0.1:{}", valkey.password(), proxy.port);
    let sessions = RedisSessions::new(&url).unwrap();
    let now = sample::timestamp();
    let session = begin(now);
    sessions.create(&session, now).await.unwrap();
    // Loads the script into the server, so that the next reply, which is dropped, is that of a rotation.
    let unknown = begin(now);
    let (_, rotation) = rotate(&sessions, &unknown, now).await;
    assert_eq!(rotation.unwrap(), Rotation::SessionNotFound);

    proxy.drops_next_reply.store(true, Ordering::SeqCst);
    let (next, rotation) = rotate(&sessions, &session, now).await;
    let rotated = session.rotated(next, now);
    assert!(!proxy.drops_next_reply.load(Ordering::SeqCst));
    assert_eq!(rotation.unwrap(), Rotation::Replayed(rotated.clone()));
    assert_eq!(find(&sessions, &session, now).await.unwrap(), Some(rotated));
}

#[tokio::test]
async fn corrupt_redis_session_is_reported_and_kept() {
    let (sessions, _valkey, mut redis) = connected().await;
    let now = sample::timestamp();
    let id = TokenId::new(now).to_string();
    let corruptions: [(&str, &[u8]); 10] = [
        ("token", b"nonsense"),
        ("token", b""),
        ("token", b"\xff"),
        ("expires_at", b"tomorrow"),
        ("created_at", b"-1"),
        ("user_agent", b" "),
        ("credentials_version", b"-1"),
        ("previous", b"nonsense"),
        // Without `rotated_at`.
        ("previous", id.as_bytes()),
        // A rotation overwrites this field.
        ("issued_at", b""),
    ];
    for (field, value) in corruptions {
        let session = begin(now);
        sessions.create(&session, now).await.unwrap();
        let () = redis.hset(key(&session), field, value).await.unwrap();
        assert_corrupt(find(&sessions, &session, now).await, field);
        if field != "issued_at" {
            assert_corrupt(rotate(&sessions, &session, now).await.1, field);
        }
        let exists: bool = redis.exists(key(&session)).await.unwrap();
        assert!(exists, "{field}");
    }
    let session = begin(now);
    let () = redis.set(key(&session), "not a hash").await.unwrap();
    assert_corrupt(find(&sessions, &session, now).await, "not a hash");
    assert_corrupt(rotate(&sessions, &session, now).await.1, "not a hash");
}

#[tokio::test]
async fn concurrent_redis_calls_share_one_connection_timeout() {
    let now = sample::timestamp();
    let session = begin(now);
    // One server refuses connections, the other accepts them and never replies.
    let refusing = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let refusing_port = refusing.local_addr().unwrap().port();
    drop(refusing);
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let silent_port = silent.local_addr().unwrap().port();

    for (scheme, port) in
        [("redis", refusing_port), ("redis", silent_port), ("rediss", silent_port)]
    {
        let url = format!("{scheme}://127.0.0.1:{port}");
        let sessions = RedisSessions::new(&url).unwrap();
        let calls = join_all((0..20).map(|_| find(&sessions, &session, now)));
        // 20 sequential timeouts would take at least 20 s.
        let results = tokio::time::timeout(Duration::from_secs(15), calls).await;
        results.unwrap().into_iter().for_each(assert_unavailable);
    }
}

/// A TCP proxy that can drop a reply of the server and close the connection.
struct Proxy {
    port: u16,
    drops_next_reply: Arc<AtomicBool>,
}

impl Proxy {
    async fn start(valkey: &Valkey) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy =
            Self { port: listener.local_addr().unwrap().port(), drops_next_reply: Arc::default() };
        let (drops, port) = (proxy.drops_next_reply.clone(), valkey.port());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
                tokio::spawn(forward(client, server.unwrap(), drops.clone()));
            }
        });
        proxy
    }
}

async fn forward(client: TcpStream, server: TcpStream, drops: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let commands = tokio::io::copy(&mut from_client, &mut to_server);
    let replies = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from_server.read(&mut buffer).await {
                Ok(length) if length > 0 && !drops.swap(false, Ordering::SeqCst) => {
                    if to_client.write_all(&buffer[..length]).await.is_err() {
                        break;
                    }
                }
                _ => break,
            }
        }
    };
    tokio::select! {
        _ = commands => {}
        () = replies => {}
    }
}
