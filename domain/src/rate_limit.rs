//! Rate limiting of login, sign-up and password changes: counters and limits.
//!
//! Attempts are counted per account and per client IP in fixed time windows. Above the limit per IP, every
//! attempt of that IP is rejected until the next window. Above the limit per account, only IPs with more
//! than [`ATTEMPTS_BEFORE_SUSPICION`] attempts are rejected. Guessing from many IPs is therefore slow, and
//! an attacker cannot prevent the owner of an account from logging in.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::storage::StorageError;

/// Attempts of a client IP that are allowed even on an account above its limit: two typing errors, one success.
pub const ATTEMPTS_BEFORE_SUSPICION: u64 = 3;

/// The client IP of a request. It is personal data, so `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIp(Option<IpAddr>);

impl ClientIp {
    /// Parses an IP address. IPv6 addresses are reduced to their first 64 bits, the network of one customer
    /// (RFC 6177). All texts that are not an IP address give the same value.
    pub fn parse(raw: &str) -> Self {
        let ip = raw.parse::<IpAddr>().ok();
        Self(ip.map(|ip| match ip.to_canonical() {
            IpAddr::V6(ip) => {
                let network = ip.to_bits() >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            ip @ IpAddr::V4(_) => ip,
        }))
    }
}

redacted_debug!(ClientIp);

/// An action with a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitedAction {
    /// Login with e-mail and password.
    Login,
    /// Sign-up of a new user.
    SignUp,
    /// Change of the password of a user who is logged in.
    ChangePassword,
}

impl LimitedAction {
    /// How an attempt counts until its outcome is known. A sign-up counts whatever its outcome is.
    pub(crate) fn initially(self) -> Attempt {
        match self {
            Self::SignUp => Attempt::Settled,
            Self::Login | Self::ChangePassword => Attempt::Pending,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::SignUp => "sign_up",
            Self::ChangePassword => "change_password",
        }
    }
}

/// Counts attempts at one action, by one account or client IP, in one time window. `Debug` hides the name.
#[derive(Clone, PartialEq, Eq)]
pub struct Counter {
    /// The unique name of the counter. It is personal data, so stores must only store a digest of the name.
    pub name: String,
    /// The end of the window, when the counter expires.
    pub ends_at: Timestamp,
    /// The length of the time window.
    pub window: Duration,
}

impl Counter {
    /// Makes the counter of attempts on an account in the current time window. The account need not exist.
    pub fn per_account(
        action: LimitedAction,
        account: &str,
        limits: &Limits,
        now: Timestamp,
    ) -> Self {
        Self::new(action, "account", account, limits.window, now)
    }

    /// Makes the counter of attempts from a client IP in the current time window.
    pub fn per_ip(
        action: LimitedAction,
        client_ip: &ClientIp,
        limits: &Limits,
        now: Timestamp,
    ) -> Self {
        let client_ip = client_ip.0.map(|ip| ip.to_string()).unwrap_or_default();
        Self::new(action, "address", &client_ip, limits.window, now)
    }

    fn new(
        action: LimitedAction,
        kind: &str,
        subject: &str,
        window: Duration,
        now: Timestamp,
    ) -> Self {
        // All subjects share the window boundaries, so the number of the window identifies it.
        let seconds = i64::try_from(window.as_secs()).unwrap_or(i64::MAX).max(1);
        let nth = now.unix_seconds() / seconds;
        let starts_at = Timestamp::from_unix_seconds(nth * seconds).unwrap_or(now);
        let action = action.name();
        Self {
            name: format!("{action} {kind} {subject} {seconds} {nth}"),
            ends_at: starts_at.plus(window),
            window,
        }
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counter(…, {})", self.ends_at)
    }
}

/// The maximum numbers of attempts in a time window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of attempts on one account.
    pub per_account: u64,
    /// The maximum number of attempts from one client IP.
    pub per_ip: u64,
    /// The length of the time window, in whole seconds.
    pub window: Duration,
}

impl Limits {
    /// Returns the maximum number of attempts on an account, for a client IP with `from_ip` attempts.
    pub fn on_account(&self, from_ip: u64) -> u64 {
        if from_ip > ATTEMPTS_BEFORE_SUSPICION { self.per_account } else { u64::MAX }
    }
}

/// The state of a counted attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The attempt is in progress, or was interrupted.
    Pending,
    /// The attempt failed, or its action counts successes too.
    Settled,
}

/// The result of [`RateLimitStore::count`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountOutcome {
    /// The attempt was counted. The number of attempts includes it.
    Counted(u64),
    /// The limit was reached already, so the counter is unchanged.
    LimitReached {
        /// How many of the attempts are settled.
        settled: u64,
    },
}

/// Port: counters of attempts. A call that is repeated after a lost response may count or refund twice.
pub trait RateLimitStore {
    /// Counts an attempt if the counter is below `limit`, as one atomic step. Concurrent calls return distinct
    /// counts. The limit is positive.
    async fn count(
        &self,
        counter: &Counter,
        limit: u64,
        attempt: Attempt,
    ) -> Result<CountOutcome, StorageError>;

    /// Turns a pending attempt into a settled one. Changes nothing if none is pending.
    async fn settle(&self, counter: &Counter) -> Result<(), StorageError>;

    /// Uncounts an attempt of this state. Changes nothing if there is none.
    async fn refund(&self, counter: &Counter, attempt: Attempt) -> Result<(), StorageError>;

    /// Waits for a random time of at most `longest`, before an attempt is counted that did not fit the limit.
    async fn wait(&self, longest: Duration);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { per_account: 10, per_ip: 100, window: Duration::from_mins(15) };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_792_002_600_000 + millis).unwrap()
    }

    #[test]
    fn client_ips_in_one_64_bit_ipv6_network_are_equal() {
        for (one, other, is_same) in [
            ("203.0.113.7", "::ffff:203.0.113.7", true),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", true),
            ("", "unknown", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("2001:db8:1:2::", "2001:db8:1:3::", false),
            ("", "0.0.0.0", false),
        ] {
            let (one, other) = (ClientIp::parse(one), ClientIp::parse(other));
            assert_eq!(one == other, is_same, "{:?} {:?}", one.0, other.0);
        }
        let output = format!("{:?}", ClientIp::parse("203.0.113.7"));
        assert_eq!(output, "ClientIp(…)");
    }

    #[test]
    fn rate_limit_counters_differ_by_action_subject_and_window() {
        let client_ip = ClientIp::parse("203.0.113.7");
        let login =
            |account, now| Counter::per_account(LimitedAction::Login, account, &LIMITS, now);
        let first = login("ada@example.com", at(0));
        assert_eq!(first, login("ada@example.com", at(899_999)));
        assert_eq!(first.ends_at, at(900_000));
        for other in [
            login("ada@example.com", at(900_000)),
            login("eve@example.com", at(0)),
            Counter::per_account(LimitedAction::SignUp, "ada@example.com", &LIMITS, at(0)),
            Counter::per_ip(LimitedAction::Login, &client_ip, &LIMITS, at(0)),
        ] {
            assert!(first.name != other.name);
        }
        assert!(!format!("{first:?}").contains("ada"));
    }

    proptest! {
        #[test]
        fn remaining_time_never_exceeds_rate_limit_window(millis in 0_i64..4_000_000_000_000) {
            let now = Timestamp::from_unix_millis(millis).unwrap();
            let counter = Counter::per_account(LimitedAction::Login, "ada", &LIMITS, now);
            let remaining = counter.ends_at.since(now);
            prop_assert!(!remaining.is_zero() && remaining <= LIMITS.window);
        }
    }
}
