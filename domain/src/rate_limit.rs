//! Attempts that somebody may make only so often: what is counted, and how many are too many.
//!
//! Attempts are counted in windows of time, for the account they are about and for the address they
//! come from. Whoever is over the limit of an address waits for the next window. An account that is over
//! its limit is closed only to addresses that have tried before: so many machines cannot guess
//! quickly, and cannot lock out a stranger either.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::storage::StorageError;

/// How many attempts an address may have made to be let in to an account that is over its limit:
/// one, and some slips of a finger.
pub const ATTEMPTS_BEFORE_SUSPICION: u64 = 3;

/// Where a request comes from. It is personal, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIp(Option<IpAddr>);

impl ClientIp {
    /// The only way in. Of an IPv6 address the first 64 bits count, which is what one customer has
    /// (RFC 6177); all whose address cannot be read are one.
    pub fn parse(raw: &str) -> Self {
        let address = raw.parse::<IpAddr>().ok();
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            address @ IpAddr::V4(_) => address,
        }))
    }
}

redacted_debug!(ClientIp);

/// What somebody attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitedAction {
    /// To sign in.
    Login,
    /// To sign up.
    SignUp,
    /// To choose another password.
    ChangePassword,
}

impl LimitedAction {
    fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::SignUp => "sign_up",
            Self::ChangePassword => "change_password",
        }
    }
}

/// Counts one kind of attempt in one window of time. `Debug` shows nothing of whose it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Counter {
    /// What tells it from all others. Personal: a store keeps a digest of it.
    pub name: String,
    /// When its window ends, and it may be forgotten.
    pub ends_at: Timestamp,
    /// How long its window is.
    pub window: Duration,
}

impl Counter {
    /// Attempts on the account of this name.
    pub fn per_account(
        attempted: LimitedAction,
        account: &str,
        limits: &Limits,
        now: Timestamp,
    ) -> Self {
        Self::new(attempted, "account", account, limits.window, now)
    }

    /// Attempts from this address.
    pub fn per_ip(
        attempted: LimitedAction,
        address: &ClientIp,
        limits: &Limits,
        now: Timestamp,
    ) -> Self {
        let address = address.0.map(|address| address.to_string());
        let address = address.unwrap_or_default();
        Self::new(attempted, "address", &address, limits.window, now)
    }

    fn new(
        attempted: LimitedAction,
        kind: &str,
        subject: &str,
        window: Duration,
        now: Timestamp,
    ) -> Self {
        // Windows begin at the same moments for everybody, so that a counter's name says which one it is.
        let seconds = i64::try_from(window.as_secs()).unwrap_or(i64::MAX).max(1);
        let nth = now.unix_seconds() / seconds;
        let starts_at = Timestamp::from_unix_seconds(nth * seconds).unwrap_or(now);
        let attempted = attempted.name();
        Self {
            name: format!("{attempted} {kind} {subject} {seconds} {nth}"),
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

/// How many attempts are let through in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// On one account.
    pub per_account: u64,
    /// From one address.
    pub per_ip: u64,
    /// In this time, in whole seconds.
    pub window: Duration,
}

impl Limits {
    /// Whether an attempt is one too many, being the so-manieth on its account and from its address.
    pub fn are_exceeded(&self, on_account: u64, from_address: u64) -> bool {
        from_address > self.per_ip
            || (on_account > self.per_account && from_address > ATTEMPTS_BEFORE_SUSPICION)
    }
}

/// Counts attempts, so that nobody tries for ever.
pub trait RateLimitStore {
    /// Counts one attempt more, and tells how many there are with it: of many at once each is told
    /// another number. Where an answer is lost, one may be counted twice.
    async fn count(&self, counter: &Counter) -> Result<u64, StorageError>;

    /// Takes one attempt back; there are never fewer than none.
    async fn decrement(&self, counter: &Counter) -> Result<(), StorageError>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        per_account: 10,
        per_ip: 100,
        window: Duration::from_mins(15),
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_792_002_600_000 + millis).unwrap()
    }

    #[test]
    fn client_ip_is_an_ipv4_address_or_ipv6_64_bit_prefix() {
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
        let shown = format!("{:?}", ClientIp::parse("203.0.113.7"));
        assert_eq!(shown, "ClientIp(…)");
    }

    #[test]
    fn counters_differ_by_action_subject_and_window() {
        let address = ClientIp::parse("203.0.113.7");
        let login =
            |account, now| Counter::per_account(LimitedAction::Login, account, &LIMITS, now);
        let first = login("ada@example.com", at(0));
        assert_eq!(first, login("ada@example.com", at(899_999)));
        assert_eq!(first.ends_at, at(900_000));
        for other in [
            login("ada@example.com", at(900_000)),
            login("eve@example.com", at(0)),
            Counter::per_account(LimitedAction::SignUp, "ada@example.com", &LIMITS, at(0)),
            Counter::per_ip(LimitedAction::Login, &address, &LIMITS, at(0)),
        ] {
            assert!(first.name != other.name);
        }
        assert!(!format!("{first:?}").contains("ada"));
    }

    #[test]
    fn limit_is_exceeded_per_ip_or_per_account() {
        for (on_account, from_address, is_exceeded) in [
            (10, 100, false),
            (11, 4, true),
            // An account under attack stays open to a client IP that has hardly tried.
            (1_000_000, 3, false),
            (1, 100, false),
            (1, 101, true),
        ] {
            let exceeded = LIMITS.are_exceeded(on_account, from_address);
            assert_eq!(exceeded, is_exceeded, "{on_account} {from_address}");
        }
    }

    proptest! {
        #[test]
        fn current_window_ends_within_its_length(millis in 0_i64..4_000_000_000_000) {
            let now = Timestamp::from_unix_millis(millis).unwrap();
            let counter = Counter::per_account(LimitedAction::Login, "ada", &LIMITS, now);
            let left = counter.ends_at.since(now);
            prop_assert!(!left.is_zero() && left <= LIMITS.window);
        }
    }
}
