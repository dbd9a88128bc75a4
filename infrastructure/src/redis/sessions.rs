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

use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::session::{
    REFRESH_GRACE, RefreshGrant, Rotation, Session, SessionStore, Superseded, UserAgent,
};
use domain::storage::StorageError;
use redis::{RedisError, Script, Value, from_redis_value};

use super::connection::{Connection, InvalidTokenStoreUrl};
use super::{attempts, operations};

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

const CREATE: &str = r"
local id, expires_at, now, lifetime = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
keep(KEYS[1], KEYS[2], id, expires_at, now, lifetime)
return 1
";

/// Compare and swap, as one step: `domain::session` says what each outcome means. Answers
/// `[outcome, record]`.
const ROTATE: &str = r"
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

/// Sessions on a Redis-compatible server.
#[derive(Debug, Clone)]
pub struct RedisSessions {
    pub(super) connection: Connection,
    create: Script,
    rotate: Script,
    pub(super) count_attempt: Script,
    pub(super) give_back_attempt: Script,
    pub(super) begin_operation: Script,
    pub(super) mark_operation: Script,
}

type Record = HashMap<String, String>;

impl RedisSessions {
    /// Sessions on the server with this `redis://` or `rediss://` URL. Connects at first use.
    /// With `rediss://` the certificates of the system are trusted.
    pub fn new(url: &str) -> Result<Self, InvalidTokenStoreUrl> {
        Ok(Self {
            connection: Connection::new(url)?,
            create: Script::new(&format!("{KEEP}{CREATE}")),
            rotate: Script::new(&format!("{KEEP}{ROTATE}")),
            count_attempt: Script::new(attempts::COUNT),
            give_back_attempt: Script::new(attempts::GIVE_BACK),
            begin_operation: Script::new(operations::BEGIN),
            mark_operation: Script::new(operations::MARK),
        })
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

pub(super) fn failed(error: RedisError) -> StorageError {
    if error.code() == Some("WRONGTYPE") {
        StorageError::Corrupt(error.into())
    } else {
        StorageError::Unavailable(error.into())
    }
}

pub(super) fn corrupt(what: &str) -> StorageError {
    StorageError::Corrupt(format!("session field {what}").into())
}

/// What the server says, in the shape that it should have.
pub(super) fn shaped<T: redis::FromRedisValue>(value: Value) -> Result<T, StorageError> {
    from_redis_value(value).map_err(|error| StorageError::Corrupt(error.into()))
}

fn fields(session: &Session) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("token", session.refresh.token.to_string()),
        (
            "issued_at",
            session.refresh.issued_at.unix_millis().to_string(),
        ),
        (
            "expires_at",
            session.refresh.expires_at.unix_millis().to_string(),
        ),
        ("created_at", session.created_at.unix_millis().to_string()),
    ];
    if let Some(previous) = &session.previous {
        fields.push(("previous", previous.token.to_string()));
        fields.push(("rotated_at", previous.at.unix_millis().to_string()));
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

fn moment(raw: &str) -> Option<Timestamp> {
    raw.parse().ok().and_then(Timestamp::from_unix_millis)
}

fn session(user: UserId, id: SessionId, record: &Record) -> Result<Session, StorageError> {
    let superseded = |token| {
        Ok(Superseded {
            token,
            at: read(record, "rotated_at", moment)?,
        })
    };
    Ok(Session {
        id,
        user,
        refresh: RefreshGrant {
            token: read(record, "token", token)?,
            issued_at: read(record, "issued_at", moment)?,
            expires_at: read(record, "expires_at", moment)?,
        },
        previous: read_optional(record, "previous", token)?
            .map(superseded)
            .transpose()?,
        created_at: read(record, "created_at", moment)?,
        user_agent: read_optional(record, "user_agent", UserAgent::parse)?,
    })
}

// What is asked here can all be said twice: see `Connection::ask`.
impl SessionStore for RedisSessions {
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), StorageError> {
        let mut create = self.create.key(key(session.user, session.id));
        let create = create
            .key(set(session.user))
            .arg(session.id.to_string())
            .arg(session.refresh.expires_at.unix_millis())
            .arg(now.unix_millis())
            .arg(millis_left(session.refresh.expires_at, now));
        for (name, value) in fields(session) {
            create.arg(name).arg(value);
        }
        let create = &*create;
        self.connection
            .ask(
                |mut connection| async move { create.invoke_async::<Value>(&mut connection).await },
            )
            .await
            .map(|_| ())
            .map_err(failed)
    }

    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StorageError> {
        let get = &redis::Cmd::hgetall(key(user, session));
        let answer: Value = self
            .connection
            .ask(|mut connection| async move { get.query_async(&mut connection).await })
            .await
            .map_err(failed)?;
        let record: Record = shaped(answer)?;
        if record.is_empty() {
            return Ok(None);
        }
        let session = self::session(user, session, &record)?;
        Ok((!session.has_expired(now)).then_some(session))
    }

    /// Said twice, because the answer to the first was lost, it tells `Repeated` with `next` as the
    /// current token: the same to the caller.
    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshGrant,
        now: Timestamp,
    ) -> Result<Rotation, StorageError> {
        let mut rotate = self.rotate.key(key(user, session));
        let rotate = &*rotate
            .key(set(user))
            .arg(presented.to_string())
            .arg(now.unix_millis())
            .arg(u64::try_from(REFRESH_GRACE.as_millis()).unwrap_or(u64::MAX))
            .arg(next.token.to_string())
            .arg(next.issued_at.unix_millis())
            .arg(next.expires_at.unix_millis())
            .arg(millis_left(next.expires_at, now))
            .arg(session.to_string());
        let answer: Value = self
            .connection
            .ask(|mut connection| async move { rotate.invoke_async(&mut connection).await })
            .await
            .map_err(failed)?;
        let (outcome, record): (String, Record) = shaped(answer)?;
        match outcome.as_str() {
            "rotated" => Ok(Rotation::Rotated(self::session(user, session, &record)?)),
            "repeated" => Ok(Rotation::Repeated(self::session(user, session, &record)?)),
            "reused" => Ok(Rotation::Reused),
            "ended" => Ok(Rotation::Ended),
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
        let records = &records;
        let answer: Value = self
            .connection
            .ask(|mut connection| async move { records.query_async(&mut connection).await })
            .await
            .map_err(failed)?;
        let records: Vec<Record> = shaped(answer)?;
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
        let range = &redis::Cmd::zrange(set(user), 0, -1);
        let answer: Value = self
            .connection
            .ask(|mut connection| async move { range.query_async(&mut connection).await })
            .await
            .map_err(failed)?;
        let ids: Vec<String> = shaped(answer)?;
        let ids = ids.iter().map(|id| SessionId::parse(id));
        ids.collect::<Result<_, _>>()
            .map_err(|_| corrupt("id in the set of sessions"))
    }

    async fn remove(&self, user: UserId, ids: &[SessionId]) -> Result<(), StorageError> {
        let keys: Vec<_> = ids.iter().map(|id| key(user, *id)).collect();
        let ids: Vec<_> = ids.iter().map(SessionId::to_string).collect();
        let mut transaction = redis::pipe();
        let transaction = &*transaction
            .atomic()
            .del(keys)
            .ignore()
            .zrem(set(user), ids)
            .ignore();
        self.connection
            .ask(|mut connection| async move { transaction.query_async(&mut connection).await })
            .await
            .map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_redis_are_taken() {
        for url in [
            "redis://localhost",
            "rediss://:secret@cache.example.com:6380/1",
        ] {
            assert!(RedisSessions::new(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "localhost:6379",
            "http://localhost",
            "unix:///tmp/redis",
            "redis://",
        ] {
            assert!(RedisSessions::new(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let sessions = RedisSessions::new("redis://me:secret@localhost:6379/1").unwrap();
        let shown = format!("{sessions:?}");
        assert!(shown.contains("localhost:6379"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn asking_can_move_between_threads() {
        fn is_send(_: impl Send) {}
        let sessions = RedisSessions::new("redis://localhost").unwrap();
        let now = Timestamp::from_unix_millis(0).unwrap();
        let (user, id) = (UserId::new(now), SessionId::new(now));
        let next = RefreshGrant::new(now, REFRESH_GRACE);
        is_send(sessions.find(user, id, now));
        is_send(sessions.rotate(user, id, next.token, &next, now));
        is_send(sessions.revoke(user, id));
    }
}
