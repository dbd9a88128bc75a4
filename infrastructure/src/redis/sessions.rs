//! Sessions, a hash each under `session:{<user id>}:<session id>`:
//!
//! | field | |
//! |---|---|
//! | `token` `issued_at` `expires_at` | the current refresh token; moments in ms |
//! | `previous` `rotated_at` | the one before, once there was a refresh |
//! | `created_at` `user_agent` | |
//!
//! The key goes when the session ends. Which sessions a user has is in a sorted set, `sessions:{<user id>}`:
//! their ids, by the moment of their end in ms. It goes with the last of them. The braces keep all that is
//! a user's on one node of a cluster.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::session::{
    PreviousToken, REFRESH_GRACE, RefreshTokenState, Rotation, Session, SessionStore, UserAgent,
};
use domain::storage::StorageError;
use redis::Script;

use super::connection::{Connection, InvalidTokenStoreUrl, corrupt};

/// What every script that keeps a session ends with: the session is in the user's set until it ends,
/// and the set is kept as long as any of them.
const KEEP: &str = r"
local function keep(session, set, id, expires_at, now, lifetime)
    redis.call('PEXPIRE', session, lifetime)
    redis.call('ZADD', set, expires_at, id)
    redis.call('ZREMRANGEBYSCORE', set, '-inf', now)
    if redis.call('PTTL', set) < tonumber(lifetime) then redis.call('PEXPIRE', set, lifetime) end
end
";

static CREATE: LazyLock<Script> = LazyLock::new(|| {
    let create = r"
local id, expires_at, now, lifetime = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
keep(KEYS[1], KEYS[2], id, expires_at, now, lifetime)
return 1
";
    Script::new(&format!("{KEEP}{create}"))
});

/// An atomic compare-and-swap that returns `[outcome, record]`; `domain::session` has the outcomes.
static ROTATE: LazyLock<Script> = LazyLock::new(|| {
    let rotate = r"
local key = KEYS[1]
local presented, now, grace = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local next_token, next_issued_at, next_expires_at = ARGV[4], ARGV[5], ARGV[6]
local lifetime, id = ARGV[7], ARGV[8]

local function is_id(text)
    return text and #text == 36 and text:find('^[%x-]+$')
end

local kind = redis.call('TYPE', key).ok
if kind == 'none' then return {'ended', {}} end
if kind ~= 'hash' then return {'corrupt', {}} end

local stored = redis.call('HMGET', key, 'token', 'expires_at', 'previous', 'rotated_at')
local token, expires_at = stored[1], tonumber(stored[2])
local previous, rotated_at = stored[3], tonumber(stored[4])
if not is_id(token) or not expires_at then return {'corrupt', {}} end
if previous and not (is_id(previous) and rotated_at) then return {'corrupt', {}} end

if expires_at <= now then return {'ended', {}} end
if token == presented then
    redis.call('HSET', key,
        'token', next_token, 'issued_at', next_issued_at, 'expires_at', next_expires_at,
        'previous', presented, 'rotated_at', ARGV[2])
    local record = redis.call('HGETALL', key)
    keep(key, KEYS[2], id, next_expires_at, ARGV[2], lifetime)
    return {'rotated', record}
end
if previous == presented and now - rotated_at <= grace then
    return {'repeated', redis.call('HGETALL', key)}
end
redis.call('DEL', key)
redis.call('ZREM', KEYS[2], id)
return {'reused', {}}
";
    Script::new(&format!("{KEEP}{rotate}"))
});

/// Sessions on a Redis-compatible server.
#[derive(Debug, Clone)]
pub struct RedisSessions {
    pub(super) connection: Connection,
}

type Record = HashMap<String, String>;

impl RedisSessions {
    /// Sessions on the server with this `redis://` or `rediss://` URL. Connects at first use.
    /// With `rediss://` the certificates of the system are trusted.
    pub fn new(url: &str) -> Result<Self, InvalidTokenStoreUrl> {
        let connection = Connection::new(url)?;
        Ok(Self { connection })
    }
}

fn key(user: UserId, session: SessionId) -> String {
    format!("session:{{{user}}}:{session}")
}

/// The set of the user's sessions.
fn set(user: UserId) -> String {
    format!("sessions:{{{user}}}")
}

fn millis_left(expires_at: Timestamp, now: Timestamp) -> i64 {
    expires_at.unix_millis() - now.unix_millis()
}

fn fields(session: &Session) -> Vec<(&'static str, String)> {
    let millis = |moment: Timestamp| moment.unix_millis().to_string();
    let mut fields = vec![
        ("token", session.refresh.token.to_string()),
        ("issued_at", millis(session.refresh.issued_at)),
        ("expires_at", millis(session.refresh.expires_at)),
        ("created_at", millis(session.created_at)),
    ];
    if let Some(previous) = &session.previous {
        fields.push(("previous", previous.token.to_string()));
        fields.push(("rotated_at", millis(previous.at)));
    }
    if let Some(agent) = &session.user_agent {
        fields.push(("user_agent", agent.as_str().to_owned()));
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
    let superseded = |token| {
        Ok(PreviousToken {
            token,
            at: read(record, "rotated_at", timestamp)?,
        })
    };
    Ok(Session {
        id,
        user,
        refresh: RefreshTokenState {
            token: read(record, "token", token)?,
            issued_at: read(record, "issued_at", timestamp)?,
            expires_at: read(record, "expires_at", timestamp)?,
        },
        previous: read_optional(record, "previous", token)?
            .map(superseded)
            .transpose()?,
        created_at: read(record, "created_at", timestamp)?,
        user_agent: read_optional(record, "user_agent", UserAgent::parse)?,
    })
}

// All of this is idempotent: see `Connection::execute`.
impl SessionStore for RedisSessions {
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), StorageError> {
        let mut create = CREATE.key(key(session.user, session.id));
        let create = create
            .key(set(session.user))
            .arg(session.id.to_string())
            .arg(session.refresh.expires_at.unix_millis())
            .arg(now.unix_millis())
            .arg(millis_left(session.refresh.expires_at, now));
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

    /// A retry whose first attempt was executed returns `Repeated` with `next` as the current token: the
    /// same to the caller.
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
            .key(set(user))
            .arg(presented.to_string())
            .arg(now.unix_millis())
            .arg(u64::try_from(REFRESH_GRACE.as_millis()).unwrap_or(u64::MAX))
            .arg(next.token.to_string())
            .arg(next.issued_at.unix_millis())
            .arg(next.expires_at.unix_millis())
            .arg(millis_left(next.expires_at, now))
            .arg(session.to_string());
        let (outcome, record): (String, Record) = self.connection.run(rotate).await?;
        match outcome.as_str() {
            "rotated" => Ok(Rotation::Rotated(self::session(user, session, &record)?)),
            "repeated" => Ok(Rotation::Replayed(self::session(user, session, &record)?)),
            "reused" => Ok(Rotation::Reused),
            "ended" => Ok(Rotation::SessionNotFound),
            _ => Err(corrupt("token, expires_at, previous or rotated_at")),
        }
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), StorageError> {
        self.remove(user, &[session]).await
    }

    async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StorageError> {
        let ids = self.ids(user).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut records = redis::pipe();
        for id in &ids {
            records.hgetall(key(user, *id));
        }
        let records: Vec<Record> = self.connection.query_all(&records).await?;
        let mut living = Vec::new();
        for (id, record) in ids.into_iter().zip(records) {
            // One that is over may stand in the set for a while.
            if !record.is_empty() {
                let session = self::session(user, id, &record)?;
                living.extend((!session.has_expired(now)).then_some(session));
            }
        }
        Ok(living)
    }

    async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<(), StorageError> {
        let mut ids = self.ids(user).await?;
        ids.retain(|id| except != Some(*id));
        if ids.is_empty() {
            return Ok(());
        }
        self.remove(user, &ids).await
    }
}

impl RedisSessions {
    /// The sessions in the user's set.
    async fn ids(&self, user: UserId) -> Result<Vec<SessionId>, StorageError> {
        let range = redis::Cmd::zrange(set(user), 0, -1);
        let ids: Vec<String> = self.connection.query(&range).await?;
        let ids = ids.iter().map(|id| SessionId::parse(id));
        ids.collect::<Result<_, _>>()
            .map_err(|_| corrupt("id in the set of sessions"))
    }

    async fn remove(&self, user: UserId, ids: &[SessionId]) -> Result<(), StorageError> {
        let keys: Vec<_> = ids.iter().map(|id| key(user, *id)).collect();
        let ids: Vec<_> = ids.iter().map(SessionId::to_string).collect();
        let mut transaction = redis::pipe();
        transaction.atomic().del(keys).zrem(set(user), ids);
        self.connection.query_all(&transaction).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_redis_urls_are_accepted() {
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
    fn password_is_not_in_debug_output() {
        let sessions = RedisSessions::new("redis://me:secret@localhost:6379/1").unwrap();
        let shown = format!("{sessions:?}");
        assert!(shown.contains("localhost:6379"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
