//! Letting somebody try, but not for ever.

use std::time::Duration;

use futures_util::future::join;
use thiserror::Error;

use crate::clock::Clock;
use crate::rate_limit::{ClientIp, Counter, LimitedAction, Limits, RateLimitStore};
use crate::storage::StorageError;

/// An attempt that is let through and counted. Only [`check_rate_limit`] makes one, so what takes one cannot be
/// tried more often than its limits say.
#[derive(Debug)]
pub struct RateLimitPermit {
    /// Of the account and of the address.
    pub(super) counters: [Counter; 2],
    pub(super) limits: Limits,
    /// When the next window begins, as from when it was let through.
    pub(super) ends_in: Duration,
    /// How often the attempt is counted.
    pub(super) charges: u32,
}

/// Why an attempt is not let through.
#[derive(Debug, Error)]
pub enum RateLimitError {
    /// There were too many already.
    #[error("too many attempts")]
    TooMany {
        /// When the next window begins.
        retry_after: Duration,
    },
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Counts an attempt on an account, whether or not there is one, and lets it through unless that is one
/// too many.
pub async fn check_rate_limit(
    attempts: &impl RateLimitStore,
    clock: &impl Clock,
    limits: &Limits,
    attempted: LimitedAction,
    account: &str,
    source: &ClientIp,
) -> Result<RateLimitPermit, RateLimitError> {
    let now = clock.now();
    let account = Counter::per_account(attempted, account, limits, now);
    let address = Counter::per_ip(attempted, source, limits, now);
    let mut admitted = RateLimitPermit {
        ends_in: account.ends_at.since(now),
        counters: [account, address],
        limits: *limits,
        charges: 0,
    };
    admitted.charge(attempts).await?;
    Ok(admitted)
}

impl RateLimitPermit {
    /// Counts the attempt once more.
    pub(super) async fn charge(
        &mut self,
        attempts: &impl RateLimitStore,
    ) -> Result<(), RateLimitError> {
        self.charges += 1;
        let [account, address] = &self.counters;
        let (on_account, from_address) = join(
            Box::pin(attempts.count(account)),
            Box::pin(attempts.count(address)),
        )
        .await;
        if self.limits.are_exceeded(on_account?, from_address?) {
            let retry_after = self.ends_in;
            return Err(RateLimitError::TooMany { retry_after });
        }
        Ok(())
    }

    /// Takes the attempt back, because it succeeded. Where that fails it stays counted.
    pub(super) async fn refund(self, attempts: &impl RateLimitStore) {
        let [account, address] = &self.counters;
        for _ in 0..self.charges {
            let _ = join(
                Box::pin(attempts.decrement(account)),
                Box::pin(attempts.decrement(address)),
            )
            .await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FixedClock, MemoryRateLimits, unavailable};

    const LIMITS: Limits = Limits {
        per_account: 3,
        per_ip: 5,
        window: Duration::from_mins(15),
    };

    async fn attempt(
        attempts: &impl RateLimitStore,
        clock: &FixedClock,
        account: &str,
        source: &str,
    ) -> Result<RateLimitPermit, RateLimitError> {
        let source = ClientIp::parse(source);
        check_rate_limit(
            attempts,
            clock,
            &LIMITS,
            LimitedAction::Login,
            account,
            &source,
        )
        .await
    }

    #[tokio::test]
    async fn attacked_account_accepts_logins_from_a_new_ip() {
        let (attempts, clock) = (MemoryRateLimits::default(), FixedClock::default());
        let mut guesses = 0;
        for nth in 0..100 {
            let source = format!("198.51.100.{nth}");
            while attempt(&attempts, &clock, "ada", &source).await.is_ok() {
                guesses += 1;
            }
        }
        assert!(guesses <= 2 + 3 * 100, "{guesses}");
        let owner = attempt(&attempts, &clock, "ada", "203.0.113.7").await;
        assert!(owner.is_ok());
    }

    #[tokio::test]
    async fn unavailable_rate_limit_store_rejects_attempts() {
        let (attempts, clock) = (MemoryRateLimits::default(), FixedClock::default());
        let failed = attempt(&unavailable(&attempts), &clock, "ada", "").await;
        assert!(matches!(failed, Err(RateLimitError::Storage(_))));
    }
}
