//! Shared by the tests of the use cases.

use std::time::Duration;

use super::{Admitted, AuthenticateError, SignedIn, authenticate, identify};
use crate::attempt::{Attempted, Counter, Limits};
use crate::clock::Clock;
use crate::id::{SessionId, UserId};
use crate::session::SessionStore;
use crate::testing::{PlainSigner, sample};
use crate::token::{Lifetimes, TokenIssuer, TokenSigner};

/// Tokens of 15 minutes and sessions of 7 days.
pub(super) fn issuer() -> TokenIssuer<PlainSigner> {
    TokenIssuer {
        access: PlainSigner("access"),
        refresh: PlainSigner("refresh"),
        lifetimes: Lifetimes {
            access: Duration::from_mins(15),
            refresh: Duration::from_hours(7 * 24),
        },
    }
}

/// Checks the token, then the session.
pub(super) async fn by_token(
    sessions: &impl SessionStore,
    access: &impl TokenSigner,
    clock: &impl Clock,
    token: &str,
) -> Result<SignedIn, AuthenticateError> {
    let caller = identify(access, clock, token)?;
    authenticate(sessions, caller).await
}

/// This user, by some login.
pub(super) fn signed_in(user: UserId) -> SignedIn {
    SignedIn {
        user,
        session: SessionId::new(sample::moment()),
    }
}

/// An attempt that was let through.
pub(super) fn admitted() -> Admitted {
    let limits = Limits {
        per_account: 1,
        per_address: 1,
        window: Duration::from_mins(15),
    };
    let counter = Counter::of_account(Attempted::SignUp, "ada", &limits, sample::moment());
    Admitted {
        counters: [counter.clone(), counter],
        limits: Limits {
            per_account: 3,
            per_address: 100,
            window: Duration::from_mins(15),
        },
        ends_in: Duration::from_mins(15),
    }
}
