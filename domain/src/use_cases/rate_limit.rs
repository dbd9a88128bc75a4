//! Rate limiting of login, sign-up and password changes.

use std::time::Duration;

use futures_util::future::join;
use thiserror::Error;

use crate::clock::Clock;
use crate::rate_limit::{ClientIp, Counter, LimitedAction, Limits, RateLimitStore};
use crate::storage::StorageError;

/// A permit for one counted attempt. Only [`check_rate_limit`] creates permits, so functions that require one
/// are rate-limited.
#[derive(Debug)]
pub struct RateLimitPermit {
    /// The counters of the account and of the client IP.
    pub(super) counters: [Counter; 2],
    pub(super) limits: Limits,
    /// The time until the next time window, when the counters start at zero.
    pub(super) retry_after: Duration,
    /// How often the attempt was counted.
    pub(super) charge_count: u32,
}

/// Why an attempt was rejected.
#[derive(Debug, Error)]
pub enum RateLimitError {
    /// The account or the client IP has reached its limit.
    #[error("too many attempts")]
    TooMany {
        /// The time until the next time window, when the counters start at zero.
        retry_after: Duration,
    },
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Counts an attempt on an account, which need not exist, and from a client IP; rejects it above the limits.
pub async fn check_rate_limit(
    attempts: &impl RateLimitStore,
    clock: &impl Clock,
    limits: &Limits,
    action: LimitedAction,
    account: &str,
    client_ip: &ClientIp,
) -> Result<RateLimitPermit, RateLimitError> {
    let now = clock.now();
    let per_account = Counter::per_account(action, account, limits, now);
    let per_ip = Counter::per_ip(action, client_ip, limits, now);
    let mut permit = RateLimitPermit {
        retry_after: per_account.ends_at.since(now),
        counters: [per_account, per_ip],
        limits: *limits,
        charge_count: 0,
    };
    permit.charge(attempts).await?;
    Ok(permit)
}

impl RateLimitPermit {
    /// Counts the attempt once more. Returns `TooMany` if this exceeds the limits.
    pub(super) async fn charge(
        &mut self,
        attempts: &impl RateLimitStore,
    ) -> Result<(), RateLimitError> {
        self.charge_count += 1;
        let [per_account, per_ip] = &self.counters;
        let (on_account, from_ip) =
            join(Box::pin(attempts.count(per_account)), Box::pin(attempts.count(per_ip))).await;
        if self.limits.are_exceeded(on_account?, from_ip?) {
            let retry_after = self.retry_after;
            return Err(RateLimitError::TooMany { retry_after });
        }
        Ok(())
    }

    /// Decrements the counters after the attempt succeeded. The attempt stays counted if the store fails.
    pub(super) async fn refund(self, attempts: &impl RateLimitStore) {
        let [per_account, per_ip] = &self.counters;
        for _ in 0..self.charge_count {
            let _ = join(
                Box::pin(attempts.decrement(per_account)),
                Box::pin(attempts.decrement(per_ip)),
            )
            .await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FixedClock, MemoryRateLimits, unavailable};

    const LIMITS: Limits = Limits { per_account: 3, per_ip: 5, window: Duration::from_mins(15) };

    async fn attempt(
        attempts: &impl RateLimitStore,
        clock: &FixedClock,
        account: &str,
        client_ip: &str,
    ) -> Result<RateLimitPermit, RateLimitError> {
        let client_ip = ClientIp::parse(client_ip);
        check_rate_limit(attempts, clock, &LIMITS, LimitedAction::Login, account, &client_ip).await
    }

    #[tokio::test]
    async fn attacked_account_accepts_logins_from_a_new_ip() {
        let (attempts, clock) = (MemoryRateLimits::default(), FixedClock::default());
        let mut guesses = 0;
        for nth in 0..100 {
            let client_ip = format!("198.51.100.{nth}");
            while attempt(&attempts, &clock, "ada", &client_ip).await.is_ok() {
                guesses += 1;
            }
        }
        assert!(guesses <= 2 + 3 * 100, "{guesses}");
        let owner = attempt(&attempts, &clock, "ada", "203.0.113.7").await;
        assert!(owner.is_ok());
    }

    #[tokio::test]
    async fn attempt_is_rejected_when_rate_limit_store_is_unavailable() {
        let (attempts, clock) = (MemoryRateLimits::default(), FixedClock::default());
        let failed = attempt(&unavailable(&attempts), &clock, "ada", "").await;
        assert!(matches!(failed, Err(RateLimitError::Storage(_))));
    }
}
