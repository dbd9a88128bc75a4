//! Rate limiting of login, sign-up and password changes.

use std::time::Duration;

use futures_util::future::join;
use thiserror::Error;

use crate::clock::Clock;
use crate::rate_limit::{
    Attempt, ClientIp, CountOutcome, Counter, LimitedAction, Limits, RateLimitStore,
};
use crate::storage::StorageError;

/// The longest pauses while other attempts are in progress and only together with them the limit is exceeded. In
/// total 3 s, far less than the timeout of a function.
const PAUSES: [Duration; 10] = {
    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }
    [ms(50), ms(100), ms(150), ms(300), ms(400), ms(400), ms(400), ms(400), ms(400), ms(400)]
};

/// A permit for one counted attempt. Only [`check_rate_limit`] creates permits, so functions that require one
/// are rate-limited.
///
/// A pending attempt is settled when it failed and refunded when it succeeded. If neither happens, because the
/// function was interrupted, it counts until the time window ends.
#[derive(Debug)]
pub struct RateLimitPermit {
    /// The counters of the account and of the client IP.
    pub(super) counters: [Counter; 2],
    pub(super) limits: Limits,
    /// The time until the next time window, when the counters start at zero.
    pub(super) retry_after: Duration,
    pub(super) attempt: Attempt,
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

/// The result of counting an attempt.
enum Charge {
    Counted,
    /// Together with attempts in progress, which may succeed, the limit is exceeded.
    InProgress,
    LimitReached,
}

impl Charge {
    fn refused(settled: u64, limit: u64) -> Self {
        if settled < limit { Self::InProgress } else { Self::LimitReached }
    }
}

/// Counts an attempt on an account, which need not exist, and from a client IP; rejects it above the limits.
///
/// A rejected attempt is not counted. Attempts are counted before they are verified, so concurrent attempts cannot
/// exceed the limits. Where they would only together with attempts in progress, the attempt waits for these:
/// concurrent attempts with the correct password all succeed.
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
    let permit = RateLimitPermit {
        retry_after: per_account.ends_at.since(now),
        counters: [per_account, per_ip],
        limits: *limits,
        attempt: action.initially(),
    };
    let mut pauses = PAUSES.into_iter();
    loop {
        match (permit.charge(attempts).await?, pauses.next()) {
            (Charge::Counted, _) => return Ok(permit),
            (Charge::InProgress, Some(longest)) => attempts.wait(longest).await,
            (Charge::InProgress | Charge::LimitReached, _) => {
                return Err(RateLimitError::TooMany { retry_after: permit.retry_after });
            }
        }
    }
}

impl RateLimitPermit {
    /// Counts the attempt on both counters, or on none.
    async fn charge(&self, attempts: &impl RateLimitStore) -> Result<Charge, StorageError> {
        let [per_account, per_ip] = &self.counters;
        let limit = self.limits.per_ip;
        let from_ip = match attempts.count(per_ip, limit, self.attempt).await? {
            CountOutcome::Counted(from_ip) => from_ip,
            CountOutcome::LimitReached { settled } => return Ok(Charge::refused(settled, limit)),
        };
        let limit = self.limits.on_account(from_ip);
        match attempts.count(per_account, limit, self.attempt).await? {
            CountOutcome::Counted(_) => Ok(Charge::Counted),
            CountOutcome::LimitReached { settled } => {
                attempts.refund(per_ip, self.attempt).await?;
                Ok(Charge::refused(settled, limit))
            }
        }
    }

    /// Counts the attempt as failed. If the store fails, the attempt stays counted as pending.
    pub(super) async fn settle(self, attempts: &impl RateLimitStore) {
        let [per_account, per_ip] = &self.counters;
        let _ =
            join(Box::pin(attempts.settle(per_account)), Box::pin(attempts.settle(per_ip))).await;
    }

    /// Uncounts the attempt. It stays counted if the store fails.
    pub async fn refund(self, attempts: &impl RateLimitStore) {
        let [per_account, per_ip] = &self.counters;
        let _ = join(
            Box::pin(attempts.refund(per_account, self.attempt)),
            Box::pin(attempts.refund(per_ip, self.attempt)),
        )
        .await;
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

    /// Makes an attempt that fails; returns whether it was permitted.
    async fn guess(
        attempts: &impl RateLimitStore,
        clock: &FixedClock,
        account: &str,
        client_ip: &str,
    ) -> bool {
        match attempt(attempts, clock, account, client_ip).await {
            Ok(permit) => {
                permit.settle(attempts).await;
                true
            }
            Err(error) => {
                assert!(matches!(error, RateLimitError::TooMany { .. }), "{error}");
                false
            }
        }
    }

    #[tokio::test]
    async fn rate_limit_applies_per_account_and_per_client_ip() {
        let (attempts, clock) = (MemoryRateLimits::default(), FixedClock::default());
        for nth in 0..4 {
            // The fourth attempt exceeds the limit of the account.
            assert_eq!(guess(&attempts, &clock, "ada", "203.0.113.7").await, nth < 3, "{nth}");
        }
        for nth in 0..3 {
            // The sixth attempt exceeds the limit of the client IP.
            let account = format!("other {nth}");
            assert_eq!(guess(&attempts, &clock, &account, "203.0.113.7").await, nth < 2, "{nth}");
        }
        clock.advance(LIMITS.window);
        assert!(guess(&attempts, &clock, "ada", "203.0.113.7").await);
    }

    #[tokio::test]
    async fn refused_attempts_change_no_counter() {
        let (attempts, clock) = (MemoryRateLimits::default(), FixedClock::default());
        while guess(&attempts, &clock, "ada", "203.0.113.7").await {}
        let locked = attempts.counts();
        for _ in 0..1_000 {
            clock.advance(Duration::from_millis(10));
            assert!(!guess(&attempts, &clock, "ada", "203.0.113.7").await);
        }
        assert_eq!(attempts.counts(), locked);
        clock.advance(LIMITS.window.saturating_sub(Duration::from_secs(10)));
        assert!(guess(&attempts, &clock, "ada", "203.0.113.7").await);
    }

    #[tokio::test]
    async fn attempt_waits_for_attempts_in_progress() {
        let (attempts, clock) = (MemoryRateLimits::default(), FixedClock::default());
        let attempt = || attempt(&attempts, &clock, "ada", "203.0.113.7");
        let mut permits = Vec::new();
        for _ in 0..3 {
            permits.push(attempt().await.unwrap());
        }
        // An attempt that was interrupted counts like one in progress.
        assert!(matches!(attempt().await, Err(RateLimitError::TooMany { .. })));
        assert_eq!(attempts.take_waits(), PAUSES.len());
        permits.pop().unwrap().settle(&attempts).await;
        let waiting = attempt();
        let refunded = permits.pop().unwrap().refund(&attempts);
        let (permit, ()) = join(Box::pin(waiting), Box::pin(refunded)).await;
        permit.unwrap().settle(&attempts).await;
        assert_eq!(attempts.take_waits(), 1);
        permits.pop().unwrap().settle(&attempts).await;
        // Failures alone reach the limit.
        assert!(matches!(attempt().await, Err(RateLimitError::TooMany { .. })));
        assert_eq!(attempts.take_waits(), 0);
    }

    #[test]
    fn waiting_for_other_attempts_takes_at_most_three_seconds() {
        assert_eq!(PAUSES.iter().sum::<Duration>(), Duration::from_secs(3));
    }

    #[tokio::test]
    async fn attacked_account_accepts_logins_from_a_new_ip() {
        let (attempts, clock) = (MemoryRateLimits::default(), FixedClock::default());
        let mut guesses = 0;
        for nth in 0..100 {
            let client_ip = format!("198.51.100.{nth}");
            while guess(&attempts, &clock, "ada", &client_ip).await {
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
