//! Sessions, a hash each under `session:{<user id>}:<session id>`; timestamps in ms:
//!
//! | field | value |
//! |---|---|
//! | `token` `issued_at` `expires_at` | current refresh token |
//! | `previous` `rotated_at` | previous refresh token and the time of its rotation, after the first refresh |
//! | `created_at` `user_agent` `credentials_version` | login |
//!
//! The key expires with the session. The sorted set `session_ids:{<user id>}` has the ids of a user's sessions, all with
//! score 0, so by id and therefore by time of login. It expires with the last session. Listing removes the ids of
//! expired sessions. The braces are a hash tag: they put all keys of a user
//! on one node of a cluster.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::page::{Page, PageRequest};
use domain::session::{
    PreviousToken, RefreshTokenState, Rotation, Session, SessionStore, UserAgent,
};
use domain::storage::StorageError;
use redis::Script;

use super::connection::{Connection, InvalidTokenStoreUrl, corrupt};

/// A Lua function: sets the expiry of a session, lists it in the user's set and extends the set's expiry to that of
/// the session.
const SET_EXPIRY: &str = r"
local function set_expiry(session, set, id, lifetime)
    redis.call('PEXPIRE', session, lifetime)
    redis.call('ZADD', set, 0, id)
    if redis.call('PTTL', set) < tonumber(lifetime) then redis.call('PEXPIRE', set, lifetime) end
end
";

/// Stores a session and lists it in the user's set.
static CREATE: LazyLock<Script> = LazyLock::new(|| {
    let create = r"
local id, lifetime = ARGV[1], ARGV[2]
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
set_expiry(KEYS[1], KEYS[2], id, lifetime)
return 1
";
    Script::new(&format!("{SET_EXPIRY}{create}"))
});

/// Compares the presented refresh token with the current one and replaces it, atomically: of concurrent refreshes
/// with one token, only one rotates. The previous token is a replay; any other token deletes the session. Returns `{outcome, record}`. Leaves a record with invalid fields unchanged.
static ROTATE: LazyLock<Script> = LazyLock::new(|| {
    let rotate = r"
local key = KEYS[1]
local presented, now = ARGV[1], tonumber(ARGV[2])
local next_token, next_issued_at, next_expires_at = ARGV[3], ARGV[4], ARGV[5]
local lifetime, id = ARGV[6], ARGV[7]

local function is_uuid(text)
    return text and #text == 36 and text:find('^[%x-]+$')
end

local kind = redis.call('TYPE', key).ok
if kind == 'none' then return {'not_found', {}} end
if kind ~= 'hash' then return {'corrupt', {}} end

local stored = redis.call('HMGET', key, 'token', 'expires_at', 'previous', 'rotated_at')
local token, expires_at = stored[1], tonumber(stored[2])
local previous, rotated_at = stored[3], tonumber(stored[4])
if not is_uuid(token) or not expires_at then return {'corrupt', {}} end
if previous and not (is_uuid(previous) and rotated_at) then return {'corrupt', {}} end

if expires_at <= now then return {'not_found', {}} end
if token == presented then
    redis.call('HSET', key,
        'token', next_token, 'issued_at', next_issued_at, 'expires_at', next_expires_at,
        'previous', presented, 'rotated_at', ARGV[2])
    local record = redis.call('HGETALL', key)
    set_expiry(key, KEYS[2], id, lifetime)
    return {'rotated', record}
end
if previous == presented then
    return {'replayed', redis.call('HGETALL', key)}
end
redis.call('DEL', key)
redis.call('ZREM', KEYS[2], id)
return {'reused', {}}
";
    Script::new(&format!("{SET_EXPIRY}{rotate}"))
});

/// Sets the credentials version of a session, if it is the given one.
static SET_VERSION: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local stored = redis.call('HMGET', KEYS[1], 'token', 'credentials_version')
if stored[1] and (stored[2] or '0') == ARGV[1] then
    redis.call('HSET', KEYS[1], 'credentials_version', ARGV[2])
end
return 1
",
    )
});

/// A store of sessions, idempotency records and rate limits on a Redis-compatible server.
#[derive(Debug, Clone)]
pub struct RedisSessions {
    pub(super) connection: Connection,
}

type Record = HashMap<String, String>;

impl RedisSessions {
    /// Parses a `redis://` or `rediss://` URL. Connects at first use. TLS trusts the system's root
    /// certificates.
    pub fn new(url: &str) -> Result<Self, InvalidTokenStoreUrl> {
        let connection = Connection::new(url)?;
        Ok(Self { connection })
    }
}

fn key(user: UserId, session: SessionId) -> String {
    format!("session:{{{user}}}:{session}")
}

/// Returns the key of the set that lists the user's sessions.
fn set_key(user: UserId) -> String {
    format!("session_ids:{{{user}}}")
}

fn remaining_millis(expires_at: Timestamp, now: Timestamp) -> i64 {
    expires_at.unix_millis() - now.unix_millis()
}

fn fields(session: &Session) -> Vec<(&'static str, String)> {
    let millis = |timestamp: Timestamp| timestamp.unix_millis().to_string();
    let mut fields = vec![
        ("token", session.refresh.token.to_string()),
        ("issued_at", millis(session.refresh.issued_at)),
        ("expires_at", millis(session.refresh.expires_at)),
        ("created_at", millis(session.created_at)),
        ("credentials_version", session.credentials_version.to_string()),
    ];
    if let Some(previous) = &session.previous {
        fields.push(("previous", previous.token.to_string()));
        fields.push(("rotated_at", millis(previous.at)));
    }
    if let Some(user_agent) = &session.user_agent {
        fields.push(("user_agent", user_agent.as_str().to_owned()));
    }
    fields
}

fn read<T>(
    record: &Record,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StorageError> {
    read_optional(record, name, parse)?.ok_or_else(|| corrupt(name))
}

fn read_optional<T>(
    record: &Record,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, StorageError> {
    let parse = |raw: &String| parse(raw).ok_or_else(|| corrupt(name));
    record.get(name).map(parse).transpose()
}

fn token(raw: &str) -> Option<TokenId> {
    TokenId::parse(raw).ok()
}

fn timestamp(raw: &str) -> Option<Timestamp> {
    raw.parse().ok().and_then(Timestamp::from_unix_millis)
}

fn session(user: UserId, id: SessionId, record: &Record) -> Result<Session, StorageError> {
    let previous = |token| Ok(PreviousToken { token, at: read(record, "rotated_at", timestamp)? });
    let version = |raw: &str| raw.parse().ok();
    Ok(Session {
        id,
        user,
        credentials_version: read_optional(record, "credentials_version", version)?
            .unwrap_or_default(),
        refresh: RefreshTokenState {
            token: read(record, "token", token)?,
            issued_at: read(record, "issued_at", timestamp)?,
            expires_at: read(record, "expires_at", timestamp)?,
        },
        previous: read_optional(record, "previous", token)?.map(previous).transpose()?,
        created_at: read(record, "created_at", timestamp)?,
        user_agent: read_optional(record, "user_agent", UserAgent::parse)?,
    })
}

// Every command is idempotent: see `Connection::execute_idempotent`.
impl SessionStore for RedisSessions {
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), StorageError> {
        let mut create = CREATE.key(key(session.user, session.id));
        let create = create
            .key(set_key(session.user))
            .arg(session.id.to_string())
            .arg(remaining_millis(session.refresh.expires_at, now));
        for (name, value) in fields(session) {
            create.arg(name).arg(value);
        }
        self.connection.run(create).await
    }

    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StorageError> {
        let get = redis::Cmd::hgetall(key(user, session));
        let record: Record = self.connection.query(&get).await?;
        if record.is_empty() {
            return Ok(None);
        }
        let session = self::session(user, session, &record)?;
        Ok((!session.has_expired(now)).then_some(session))
    }

    /// Rotates a refresh token. A retry after a lost reply returns `Replayed` with `next` as the current token, which
    /// callers treat like `Rotated`.
    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshTokenState,
        now: Timestamp,
    ) -> Result<Rotation, StorageError> {
        let mut rotate = ROTATE.key(key(user, session));
        let rotate = rotate
            .key(set_key(user))
            .arg(presented.to_string())
            .arg(now.unix_millis())
            .arg(next.token.to_string())
            .arg(next.issued_at.unix_millis())
            .arg(next.expires_at.unix_millis())
            .arg(remaining_millis(next.expires_at, now))
            .arg(session.to_string());
        let (outcome, record): (String, Record) = self.connection.run(rotate).await?;
        match outcome.as_str() {
            "rotated" => Ok(Rotation::Rotated(self::session(user, session, &record)?)),
            "replayed" => Ok(Rotation::Replayed(self::session(user, session, &record)?)),
            "reused" => Ok(Rotation::Reused),
            "not_found" => Ok(Rotation::SessionNotFound),
            _ => Err(corrupt("token, expires_at, previous or rotated_at")),
        }
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), StorageError> {
        let mut transaction = redis::pipe();
        transaction.atomic().del(key(user, session)).zrem(set_key(user), session.to_string());
        self.connection.query_all(&transaction).await
    }

    async fn list(
        &self,
        user: UserId,
        page: PageRequest<SessionId>,
    ) -> Result<Page<Session>, StorageError> {
        let size = page.size.get();
        let count = isize::try_from(size + 1).unwrap_or(isize::MAX);
        let max = page.after.map_or("+".to_owned(), |after| format!("({after}"));
        loop {
            let range =
                redis::Cmd::zrevrangebylex_limit(set_key(user), max.as_str(), "-", 0, count);
            let ids: Vec<String> = self.connection.query(&range).await?;
            let ids = ids.iter().map(|id| SessionId::parse(id)).collect::<Result<Vec<_>, _>>();
            let ids = ids.map_err(|_| corrupt("in the set of sessions"))?;
            if ids.is_empty() {
                return Ok(Page { items: Vec::new(), more: false });
            }
            let mut records = redis::pipe();
            for id in &ids {
                records.hgetall(key(user, *id));
            }
            let records: Vec<Record> = self.connection.query_all(&records).await?;
            let stored = || ids.iter().zip(&records);
            let expired: Vec<_> = stored()
                .filter(|(_, record)| record.is_empty())
                .map(|(id, _)| id.to_string())
                .collect();
            if expired.is_empty() {
                let sessions = stored().take(size).map(|(id, record)| session(user, *id, record));
                return Ok(Page {
                    items: sessions.collect::<Result<_, _>>()?,
                    more: ids.len() > size,
                });
            }
            let remove = redis::Cmd::zrem(set_key(user), expired);
            let () = self.connection.query(&remove).await?;
        }
    }
}

impl RedisSessions {
    /// Adds 1 to the credentials version of a session if it is `version`. Idempotent.
    pub(crate) async fn increment_version(
        &self,
        user: UserId,
        session: SessionId,
        version: u64,
    ) -> Result<(), StorageError> {
        let mut set = SET_VERSION.key(key(user, session));
        self.connection.run(set.arg(version).arg(version + 1)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_store_url_must_be_a_redis_url() {
        for (url, is_redis) in [
            ("redis://localhost", true),
            ("rediss://:secret@cache.example.com:6380/1", true),
            ("", false),
            ("localhost:6379", false),
            ("http://localhost", false),
            ("unix:///tmp/redis", false),
            ("redis://", false),
        ] {
            assert_eq!(RedisSessions::new(url).is_ok(), is_redis, "{url}");
        }
    }

    #[test]
    fn debug_output_has_no_redis_password() {
        let sessions = RedisSessions::new("redis://me:secret@localhost:6379/1").unwrap();
        let debug = format!("{sessions:?}");
        assert!(debug.contains("localhost:6379"), "{debug}");
        assert!(!debug.contains("secret"), "{debug}");
    }
}
