//! What clients asked for with an idempotency key, a hash each under `operation:<digest of the key>`:
//!
//! | field | |
//! |---|---|
//! | `fingerprint` | a digest of the request |
//! | `resource` | the id of what is made |
//! | `lease_ends_at` | until when nobody else begins, in ms |
//! | `forgotten_at` | in ms; the key goes a day after it was made |
//! | `answer` | once it is done |

use std::sync::LazyLock;

use domain::clock::Timestamp;
use domain::idempotency::{
    IdempotencyOutcome, IdempotencyRecord, IdempotencyStore, LEASE_DURATION, RETENTION,
};
use domain::storage::StorageError;
use redis::Script;

use super::connection::corrupt;
use super::sessions::RedisSessions;

/// Returns `[outcome, resource or answer]`.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local key = KEYS[1]
local fingerprint, resource, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lease_ends_at, forgotten_at, kept = ARGV[4], ARGV[5], ARGV[6]

local found = redis.call('HMGET', key,
    'fingerprint', 'resource', 'lease_ends_at', 'forgotten_at', 'answer')
if not found[4] or tonumber(found[4]) <= now then
    redis.call('DEL', key)
    redis.call('HSET', key, 'fingerprint', fingerprint, 'resource', resource,
        'lease_ends_at', lease_ends_at, 'forgotten_at', forgotten_at)
    redis.call('PEXPIRE', key, kept)
    return {'yours', resource}
end
if found[1] ~= fingerprint then return {'different', ''} end
if found[5] then return {'done', found[5]} end
if tonumber(found[3]) > now and found[2] ~= resource then return {'running', ''} end
redis.call('HSET', key, 'lease_ends_at', lease_ends_at)
return {'yours', found[2]}
",
    )
});

/// Sets a field of an operation that was begun and is not done.
static MARK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('HEXISTS', KEYS[1], 'resource') == 1
    and redis.call('HEXISTS', KEYS[1], 'answer') == 0 then
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return 1
",
    )
});

fn key(operation: &IdempotencyRecord) -> String {
    format!("operation:{}", operation.id)
}

impl RedisSessions {
    async fn mark(
        &self,
        operation: &IdempotencyRecord,
        field: &str,
        value: &str,
    ) -> Result<(), StorageError> {
        let mut mark = MARK.key(key(operation));
        self.connection.run(mark.arg(field).arg(value)).await
    }
}

// All of this is idempotent: see `Connection::execute`.
impl IdempotencyStore for RedisSessions {
    async fn begin(
        &self,
        operation: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError> {
        let mut begin = BEGIN.key(key(operation));
        let begin = begin
            .arg(&operation.fingerprint)
            .arg(resource)
            .arg(now.unix_millis())
            .arg(now.plus(LEASE_DURATION).unix_millis())
            .arg(now.plus(RETENTION).unix_millis())
            .arg(u64::try_from(RETENTION.as_millis()).unwrap_or(u64::MAX));
        let (outcome, what): (String, String) = self.connection.run(begin).await?;
        match outcome.as_str() {
            "yours" => Ok(IdempotencyOutcome::Acquired(what)),
            "running" => Ok(IdempotencyOutcome::InProgress),
            "different" => Ok(IdempotencyOutcome::KeyReused),
            "done" => Ok(IdempotencyOutcome::Completed(what)),
            _ => Err(corrupt("operation")),
        }
    }

    async fn finish(
        &self,
        operation: &IdempotencyRecord,
        answer: &str,
    ) -> Result<(), StorageError> {
        self.mark(operation, "answer", answer).await
    }

    async fn release(&self, operation: &IdempotencyRecord) -> Result<(), StorageError> {
        self.mark(operation, "lease_ends_at", "0").await
    }
}
