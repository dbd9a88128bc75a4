//! Idempotency records, a hash each under `operation:<IdempotencyRecord::id>`:
//!
//! | field | value |
//! |---|---|
//! | `fingerprint` | digest of the request |
//! | `resource` | id of the resource to create |
//! | `lease_ends_at` | end of the current attempt's lease (ms); 0 after a release |
//! | `forgotten_at` | end of the retention (ms), when the key expires too |
//! | `answer` | saved response, once the operation is completed |

use std::sync::LazyLock;

use domain::clock::Timestamp;
use domain::idempotency::{
    IdempotencyOutcome, IdempotencyRecord, IdempotencyStore, LEASE_DURATION, RETENTION,
};
use domain::storage::StorageError;
use redis::Script;

use super::connection::corrupt;
use super::sessions::RedisSessions;

/// Acquires the lease of an operation: only one of several concurrent callers gets it. Returns `{outcome,
/// resource or saved response}`. Creates the record if there is none, or if its retention has ended. A call
/// that is repeated with the same `resource`, because a reply was lost, acquires the lease again.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local key = KEYS[1]
local fingerprint, resource, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lease_ends_at, forgotten_at, retention = ARGV[4], ARGV[5], ARGV[6]

local stored = redis.call('HMGET', key,
    'fingerprint', 'resource', 'lease_ends_at', 'forgotten_at', 'answer')
if not stored[4] or tonumber(stored[4]) <= now then
    redis.call('DEL', key)
    redis.call('HSET', key, 'fingerprint', fingerprint, 'resource', resource,
        'lease_ends_at', lease_ends_at, 'forgotten_at', forgotten_at)
    redis.call('PEXPIRE', key, retention)
    return {'acquired', resource}
end
if stored[1] ~= fingerprint then return {'key_reused', ''} end
if stored[5] then return {'completed', stored[5]} end
if tonumber(stored[3]) > now and stored[2] ~= resource then return {'in_progress', ''} end
redis.call('HSET', key, 'lease_ends_at', lease_ends_at)
return {'acquired', stored[2]}
",
    )
});

/// Sets a field of an idempotency record that exists and is not completed.
static SET_FIELD: LazyLock<Script> = LazyLock::new(|| {
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

/// Deletes an idempotency record that has this resource and is not completed.
static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('HGET', KEYS[1], 'resource') == ARGV[1]
    and redis.call('HEXISTS', KEYS[1], 'answer') == 0 then
    redis.call('DEL', KEYS[1])
end
return 1
",
    )
});

fn key(record: &IdempotencyRecord) -> String {
    format!("operation:{}", record.id)
}

impl RedisSessions {
    async fn set_field(
        &self,
        record: &IdempotencyRecord,
        field: &str,
        value: &str,
    ) -> Result<(), StorageError> {
        let mut script = SET_FIELD.key(key(record));
        self.connection.run(script.arg(field).arg(value)).await
    }
}

// Every command is idempotent: see `Connection::execute_idempotent`.
impl IdempotencyStore for RedisSessions {
    async fn begin(
        &self,
        record: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError> {
        let mut begin = BEGIN.key(key(record));
        let begin = begin
            .arg(&record.fingerprint)
            .arg(resource)
            .arg(now.unix_millis())
            .arg(now.plus(LEASE_DURATION).unix_millis())
            .arg(now.plus(RETENTION).unix_millis())
            .arg(u64::try_from(RETENTION.as_millis()).unwrap_or(u64::MAX));
        let (outcome, value): (String, String) = self.connection.run(begin).await?;
        match outcome.as_str() {
            "acquired" => Ok(IdempotencyOutcome::Acquired(value)),
            "in_progress" => Ok(IdempotencyOutcome::InProgress),
            "key_reused" => Ok(IdempotencyOutcome::KeyReused),
            "completed" => Ok(IdempotencyOutcome::Completed(value)),
            _ => Err(corrupt("of an idempotency record")),
        }
    }

    async fn finish(&self, record: &IdempotencyRecord, response: &str) -> Result<(), StorageError> {
        self.set_field(record, "answer", response).await
    }

    async fn release(&self, record: &IdempotencyRecord) -> Result<(), StorageError> {
        self.set_field(record, "lease_ends_at", "0").await
    }

    async fn forget(&self, record: &IdempotencyRecord, resource: &str) -> Result<(), StorageError> {
        let mut script = FORGET.key(key(record));
        self.connection.run(script.arg(resource)).await
    }
}
