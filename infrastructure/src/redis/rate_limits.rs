//! Rate-limit counters, a hash each under `rate_limit:<digest of the counter's name>`, which expires with its window:
//!
//! | field | value |
//! |---|---|
//! | `attempts` | number of attempts in the window |
//! | `settled` | number of those attempts that are not pending |

use std::sync::LazyLock;
use std::time::Duration;

use domain::rate_limit::{Attempt, CountOutcome, Counter, RateLimitStore};
use domain::storage::StorageError;
use redis::Script;

use super::sessions::RedisSessions;
use crate::digest::sha256_hex;
use crate::sessions::sleep_with_jitter;

/// Counts an attempt if the counter is below the limit. Returns whether it did, and the number of attempts or of
/// settled attempts. A new counter expires after the length of a window, so never before its window ends.
static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local limit, settled, window = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local attempts = tonumber(redis.call('HGET', KEYS[1], 'attempts') or '0')
if attempts >= limit then
    return {0, tonumber(redis.call('HGET', KEYS[1], 'settled'))}
end
attempts = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HINCRBY', KEYS[1], 'settled', settled)
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], window) end
return {1, attempts}
",
    )
});

/// Adds to the numbers of attempts and of settled attempts, unless one of them or their difference becomes negative.
static ADD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local attempts = tonumber(redis.call('HGET', KEYS[1], 'attempts') or '0') + tonumber(ARGV[1])
local settled = tonumber(redis.call('HGET', KEYS[1], 'settled') or '0') + tonumber(ARGV[2])
if 0 <= settled and settled <= attempts then
    redis.call('HSET', KEYS[1], 'attempts', attempts, 'settled', settled)
end
return 1
",
    )
});

fn key(counter: &Counter) -> String {
    format!("rate_limit:{}", sha256_hex(&counter.name))
}

impl RedisSessions {
    async fn add(&self, counter: &Counter, attempts: i8, settled: i8) -> Result<(), StorageError> {
        let mut add = ADD.key(key(counter));
        self.connection.run(add.arg(attempts).arg(settled)).await
    }
}

// Not idempotent: a lost reply may count or refund an attempt twice (see `Connection::execute_idempotent`), which
// `RateLimitStore` allows.
impl RateLimitStore for RedisSessions {
    async fn count(
        &self,
        counter: &Counter,
        limit: u64,
        attempt: Attempt,
    ) -> Result<CountOutcome, StorageError> {
        let window = u64::try_from(counter.window.as_millis()).unwrap_or(u64::MAX);
        let settled = u8::from(attempt == Attempt::Settled);
        let mut count = COUNT.key(key(counter));
        let (is_counted, number): (bool, u64) =
            self.connection.run(count.arg(limit).arg(settled).arg(window)).await?;
        Ok(if is_counted {
            CountOutcome::Counted(number)
        } else {
            CountOutcome::LimitReached { settled: number }
        })
    }

    async fn settle(&self, counter: &Counter) -> Result<(), StorageError> {
        self.add(counter, 0, 1).await
    }

    async fn refund(&self, counter: &Counter, attempt: Attempt) -> Result<(), StorageError> {
        match attempt {
            Attempt::Pending => self.add(counter, -1, 0).await,
            Attempt::Settled => self.add(counter, -1, -1).await,
        }
    }

    async fn wait(&self, longest: Duration) {
        sleep_with_jitter(longest).await;
    }
}
