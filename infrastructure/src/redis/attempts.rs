//! Counted attempts, a number each under `attempts:<digest of the counter's name>`. The key goes when
//! its window is over.

use domain::attempt::{AttemptStore, Counter};
use domain::storage::StorageError;
use redis::Value;

use super::sessions::{RedisSessions, failed, shaped};
use crate::digest;

/// One more, kept for a whole window: at least until it ends.
pub(super) const COUNT: &str = r"
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
";

/// One less, of what there is.
pub(super) const GIVE_BACK: &str = r"
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count > 0 then redis.call('DECR', KEYS[1]) end
return count
";

fn key(counter: &Counter) -> String {
    format!("attempts:{}", digest::of(&counter.name))
}

// Where the answer to the first is lost, an attempt is counted twice, or given back twice: see
// `Connection::ask`.
impl AttemptStore for RedisSessions {
    async fn count(&self, counter: &Counter) -> Result<u64, StorageError> {
        let mut count = self.count_attempt.key(key(counter));
        let window = u64::try_from(counter.window.as_millis()).unwrap_or(u64::MAX);
        let count = &*count.arg(window);
        let answer: Value = self
            .connection
            .ask(|mut connection| async move { count.invoke_async(&mut connection).await })
            .await
            .map_err(failed)?;
        shaped(answer)
    }

    async fn give_back(&self, counter: &Counter) -> Result<(), StorageError> {
        let give_back = &self.give_back_attempt.key(key(counter));
        self.connection
            .ask(|mut connection| async move {
                give_back.invoke_async::<Value>(&mut connection).await
            })
            .await
            .map(|_| ())
            .map_err(failed)
    }
}
