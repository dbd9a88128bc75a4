//! Sessions, a hash each under `session:{<user id>}:<session id>`:
//!
//! | field | |
//! |---|---|
//! | `token` `issued_at` `expires_at` | the current refresh token; moments in ms |
//! | `previous` `rotated_at` | the one before, once there was a refresh |
//! | `created_at` `user_agent` | |
//!
//! The key goes when the session ends. The braces keep a user's sessions on one node of a cluster.

use std::collections::HashMap;

use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::repository::RepositoryError;
use domain::session::{REFRESH_GRACE, RefreshGrant, Rotation, Session, Superseded, UserAgent};
use domain::store::SessionStore;
use redis::{RedisError, Script, Value, from_redis_value};

use super::connection::{Connection, InvalidTokenStoreUrl};
use super::{attempts, operations};

/// Compare and swap, as one step: `domain::session` says what each outcome means. Answers
/// `[outcome, record]`.
const ROTATE: &str = r"
local key = KEYS[1]
local presented, now, grace = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local next_token, next_issued_at, next_expires_at = ARGV[4], ARGV[5], ARGV[6]
local lifetime = ARGV[7]

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
    redis.call('PEXPIRE', key, lifetime)
    return {'rotated', record}
end
if previous == presented and now - rotated_at <= grace then
    return {'repeated', redis.call('HGETALL', key)}
end
redis.call('DEL', key)
return {'reused', {}}
";

/// Sessions on a Redis-compatible server.
#[derive(Debug, Clone)]
pub struct RedisSessions {
    pub(super) connection: Connection,
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
            rotate: Script::new(ROTATE),
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

fn millis_left(expires_at: Timestamp, now: Timestamp) -> i64 {
    expires_at.unix_millis() - now.unix_millis()
}

pub(super) fn failed(error: RedisError) -> RepositoryError {
    if error.code() == Some("WRONGTYPE") {
        RepositoryError::Corrupt(error.into())
    } else {
        RepositoryError::Unavailable(error.into())
    }
}

pub(super) fn corrupt(what: &str) -> RepositoryError {
    RepositoryError::Corrupt(format!("session field {what}").into())
}

/// What the server says, in the shape that it should have.
pub(super) fn shaped<T: redis::FromRedisValue>(value: Value) -> Result<T, RepositoryError> {
    from_redis_value(value).map_err(|error| RepositoryError::Corrupt(error.into()))
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
) -> Result<T, RepositoryError> {
    read_optional(record, name, parse)?.ok_or_else(|| corrupt(name))
}

fn read_optional<T>(
    record: &Record,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, RepositoryError> {
    let parse = |raw: &String| parse(raw).ok_or_else(|| corrupt(name));
    record.get(name).map(parse).transpose()
}

fn token(raw: &str) -> Option<TokenId> {
    TokenId::parse(raw).ok()
}

fn moment(raw: &str) -> Option<Timestamp> {
    raw.parse().ok().and_then(Timestamp::from_unix_millis)
}

fn session(user: UserId, id: SessionId, record: &Record) -> Result<Session, RepositoryError> {
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
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), RepositoryError> {
        let key = key(session.user, session.id);
        let mut transaction = redis::pipe();
        let transaction = &*transaction
            .atomic()
            .hset_multiple(&key, &fields(session))
            .ignore()
            .pexpire(&key, millis_left(session.refresh.expires_at, now))
            .ignore();
        self.connection
            .ask(|mut connection| async move { transaction.query_async(&mut connection).await })
            .await
            .map_err(failed)
    }

    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, RepositoryError> {
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
    ) -> Result<Rotation, RepositoryError> {
        let mut rotate = self.rotate.key(key(user, session));
        let rotate = &*rotate
            .arg(presented.to_string())
            .arg(now.unix_millis())
            .arg(u64::try_from(REFRESH_GRACE.as_millis()).unwrap_or(u64::MAX))
            .arg(next.token.to_string())
            .arg(next.issued_at.unix_millis())
            .arg(next.expires_at.unix_millis())
            .arg(millis_left(next.expires_at, now));
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

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), RepositoryError> {
        let delete = &redis::Cmd::del(key(user, session));
        self.connection
            .ask(|mut connection| async move { delete.query_async(&mut connection).await })
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
