//! Rate-limit counters: a number of attempts under `attempts:<digest of the counter's name>`. The key
//! expires with its window.

use std::sync::LazyLock;

use domain::rate_limit::{Counter, RateLimitStore};
use domain::storage::StorageError;
use redis::Script;

use super::sessions::RedisSessions;
use crate::digest::sha256_hex;

/// Increments a rate-limit counter and returns it. A new counter expires after the length of a window, so never
/// before its window ends.
static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
",
    )
});

/// Decrements a rate-limit counter if it is positive.
static DECREMENT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count > 0 then redis.call('DECR', KEYS[1]) end
return count
",
    )
});

fn key(counter: &Counter) -> String {
    format!("attempts:{}", sha256_hex(&counter.name))
}

// Not idempotent: a lost reply may count or refund an attempt twice (see `Connection::execute_idempotent`), which
// `RateLimitStore` allows.
impl RateLimitStore for RedisSessions {
    async fn count(&self, counter: &Counter) -> Result<u64, StorageError> {
        let window = u64::try_from(counter.window.as_millis()).unwrap_or(u64::MAX);
        let mut count = COUNT.key(key(counter));
        self.connection.run(count.arg(window)).await
    }

    async fn decrement(&self, counter: &Counter) -> Result<(), StorageError> {
        self.connection.run(&DECREMENT.key(key(counter))).await
    }
}
