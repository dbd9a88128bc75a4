//! Changing the password.

use thiserror::Error;

use super::PasswordOwner;
use super::create_session::start_session;
use super::rate_limit::{RateLimitError, RateLimitPermit};
use crate::clock::Clock;
use crate::password::{
    HashError, InvalidPassword, Password, PasswordCheck, PasswordHasher, PasswordPolicy,
};
use crate::rate_limit::RateLimitStore;
use crate::session::{SessionStore, UserAgent};
use crate::storage::StorageError;
use crate::token::{SignError, TokenIssuer, TokenPair, TokenSigner};
use crate::user::{StoredPassword, UserRepository};

/// A validated request for a password change.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    old: Password,
    new: Password,
}

/// One invalid field of a password change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPasswordChangeField {
    /// The old password is missing.
    #[error("old password is required")]
    OldRequired,
    /// The new password is missing.
    #[error("password is required")]
    NewRequired,
    /// The new password is too short, too long or too common.
    #[error(transparent)]
    InvalidNew(InvalidPassword),
}

/// All invalid fields of a password change; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the change is not valid: {0:?}")]
pub struct InvalidPasswordChange(pub Vec<InvalidPasswordChangeField>);

impl PasswordChange {
    /// Validates all fields of a password change and reports all errors in the order of the fields.
    pub fn parse(
        old: &str,
        new: &str,
        policy: PasswordPolicy,
    ) -> Result<Self, InvalidPasswordChange> {
        let old = match old {
            "" => Err(InvalidPasswordChangeField::OldRequired),
            old => Ok(Password::unvalidated(old)),
        };
        let new = match new {
            "" => Err(InvalidPasswordChangeField::NewRequired),
            new => Password::parse(new, policy).map_err(InvalidPasswordChangeField::InvalidNew),
        };
        match (old, new) {
            (Ok(old), Ok(new)) => Ok(Self { old, new }),
            (old, new) => {
                Err(InvalidPasswordChange([old.err(), new.err()].into_iter().flatten().collect()))
            }
        }
    }
}

/// Why the password was not changed.
#[derive(Debug, Error)]
pub enum ChangePasswordError {
    /// The old password is wrong.
    #[error("the old password is wrong")]
    IncorrectPassword,
    /// The session was revoked, and not by an earlier attempt of this change.
    #[error("the session was revoked")]
    SessionRevoked,
    /// The rate limit was exceeded or could not be checked; see [`RateLimitError`].
    #[error(transparent)]
    RateLimit(#[from] RateLimitError),
    /// The password could not be hashed; see [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The new tokens could not be signed; see [`SignError`].
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Replaces the password, which revokes all sessions of the user in the same write, and returns the tokens of a new
/// session.
///
/// The change revokes the session of the request too. A retry after a lost response is therefore a request with a revoked
/// session, and it succeeds if its new password is already stored. It changes nothing else: it is a login with the
/// current password. The session check and the password are read at different times, so only the second read decides.
#[expect(clippy::too_many_arguments, reason = "the ports of the function")]
pub async fn change_password(
    users: &impl UserRepository,
    sessions: &(impl SessionStore + RateLimitStore),
    hasher: &impl PasswordHasher,
    tokens: &TokenIssuer<impl TokenSigner>,
    clock: &impl Clock,
    user: PasswordOwner,
    permit: RateLimitPermit,
    change: PasswordChange,
    user_agent: Option<UserAgent>,
) -> Result<TokenPair, ChangePasswordError> {
    let changed = replace(users, hasher, user, &change).await;
    if let Err(ChangePasswordError::IncorrectPassword | ChangePasswordError::SessionRevoked) =
        changed
    {
        permit.settle(sessions).await;
    } else {
        permit.refund(sessions).await;
    }
    let (version, now) = (changed?, clock.now());
    // The session of the request is revoked but not deleted, so that the request can be repeated.
    let kept = Some(user.session);
    start_session(sessions, tokens, now, user.id, version, user_agent, kept).await
}

/// Replaces the password; returns the new credentials version. If an earlier attempt replaced it, returns the stored one.
async fn replace(
    users: &impl UserRepository,
    hasher: &impl PasswordHasher,
    user: PasswordOwner,
    change: &PasswordChange,
) -> Result<u64, ChangePasswordError> {
    loop {
        let stored = users.find_password(user.id).await?;
        let is_active =
            |stored: &StoredPassword| stored.credentials_version == user.credentials_version;
        let (presented, error) = if stored.as_ref().is_some_and(is_active) {
            (&change.old, ChangePasswordError::IncorrectPassword)
        } else {
            (&change.new, ChangePasswordError::SessionRevoked)
        };
        let is_valid = |stored: &StoredPassword| {
            hasher.verify(presented, &stored.hash) != PasswordCheck::Invalid
        };
        let stored = stored.filter(is_valid).ok_or(error)?;
        if !is_active(&stored) {
            return Ok(stored.credentials_version);
        }
        let new = hasher.hash(&change.new)?;
        if let Some(version) = users.change_password(user.id, &stored.hash, &new).await? {
            return Ok(version);
        }
        // A concurrent request stored another hash: an attempt whose response was lost, or a login that replaced an
        // outdated hash.
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::id::UserId;
    use crate::rate_limit::{ClientIp, LimitedAction};
    use crate::testing::{Fault, contended, faulty};
    use crate::use_cases::test_support::{AuthFixture, rate_limit_permit};
    use crate::use_cases::{
        CheckSessionError, authenticate_password_change, check_rate_limit, verify_access_token,
    };

    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 8 };

    /// A user with two sessions; the first one makes the requests.
    struct Fixture {
        auth: AuthFixture,
        user: UserId,
        pair: TokenPair,
        other: TokenPair,
    }

    impl Fixture {
        async fn new(hash: &str) -> Self {
            let auth = AuthFixture::new();
            let user = auth.add_user(hash).await.public.id;
            let (_, pair) = auth.log_in(user).await;
            let (_, other) = auth.log_in(user).await;
            Self { auth, user, pair, other }
        }

        async fn owner(&self) -> Result<PasswordOwner, CheckSessionError> {
            let (access, clock) = (&self.auth.tokens.access, &self.auth.clock);
            let identity = verify_access_token(access, clock, &self.pair.access)?;
            authenticate_password_change(&self.auth.active(), identity).await
        }

        async fn change(&self, old: &str, new: &str) -> Result<TokenPair, ChangePasswordError> {
            self.change_with(&self.auth.sessions, rate_limit_permit(), old, new).await
        }

        async fn change_with(
            &self,
            sessions: &(impl SessionStore + RateLimitStore),
            permit: RateLimitPermit,
            old: &str,
            new: &str,
        ) -> Result<TokenPair, ChangePasswordError> {
            let change = PasswordChange::parse(old, new, POLICY).unwrap();
            let (users, hasher) = (&self.auth.users, &self.auth.hasher);
            let (tokens, clock) = (&self.auth.tokens, &self.auth.clock);
            let owner = self.owner().await.unwrap();
            change_password(users, sessions, hasher, tokens, clock, owner, permit, change, None)
                .await
        }

        /// Checks the rate limit and changes the password, as one request does.
        async fn attempt(&self, old: &str, new: &str) -> Result<TokenPair, ChangePasswordError> {
            let (limits, client_ip) = (rate_limit_permit().limits, ClientIp::parse("203.0.113.7"));
            let (clock, action) = (&self.auth.clock, LimitedAction::ChangePassword);
            let permit =
                check_rate_limit(&self.auth.sessions, clock, &limits, action, "ada", &client_ip)
                    .await?;
            self.change_with(&self.auth.sessions, permit, old, new).await
        }

        /// Returns whether both tokens of a pair are accepted.
        async fn is_active(&self, pair: &TokenPair) -> bool {
            let is_active = self.auth.authenticate(&pair.access).await.is_ok();
            assert_eq!(self.auth.refresh(&pair.refresh).await.is_ok(), is_active);
            is_active
        }

        fn hash(&self) -> String {
            self.auth.hash_of(self.user)
        }
    }

    #[test]
    fn invalid_password_change_returns_all_field_errors() {
        use InvalidPasswordChangeField::{InvalidNew, NewRequired, OldRequired};
        for (old, new, expected) in [
            ("", "", vec![OldRequired, NewRequired]),
            ("x", "password", vec![InvalidNew(InvalidPassword::TooCommon)]),
        ] {
            let error = PasswordChange::parse(old, new, POLICY).unwrap_err();
            assert_eq!(error, InvalidPasswordChange(expected));
        }
    }

    fn is_incorrect(outcome: &Result<TokenPair, ChangePasswordError>) -> bool {
        matches!(outcome, Err(ChangePasswordError::IncorrectPassword))
    }

    #[tokio::test]
    async fn password_change_revokes_all_sessions_and_starts_a_new_one() {
        for hash in ["new:correct horse", "old:correct horse"] {
            let fixture = Fixture::new(hash).await;
            let tokens = fixture.change("correct horse", "better horse").await.unwrap();
            assert_eq!(fixture.hash(), "new:better horse");
            assert!(fixture.is_active(&tokens).await);
            for old in [&fixture.pair, &fixture.other] {
                assert!(!fixture.is_active(old).await);
            }
        }
    }

    #[tokio::test]
    async fn password_change_without_session_store_revokes_sessions() {
        for (call, is_changed) in [("create", false), ("list", true)] {
            let fixture = Fixture::new("new:correct horse").await;
            let failing = faulty(&fixture.auth.sessions, call, Fault::Unavailable);
            let permit = rate_limit_permit();
            let outcome = fixture.change_with(&failing, permit, "correct horse", "better horse");
            assert_eq!(outcome.await.is_ok(), is_changed, "{call}");
            for old in [&fixture.pair, &fixture.other] {
                assert!(!fixture.is_active(old).await);
            }
        }
    }

    #[tokio::test]
    async fn repeated_password_change_starts_a_new_session() {
        let fixture = Fixture::new("new:correct horse").await;
        fixture.change("correct horse", "better horse").await.unwrap();
        let again = fixture.change("correct horse", "better horse").await.unwrap();
        assert!(fixture.is_active(&again).await);
        // A revoked session changes nothing, even with the right old password.
        let rejected = fixture.change("better horse", "best horse").await;
        assert!(matches!(rejected, Err(ChangePasswordError::SessionRevoked)));
        assert_eq!(fixture.hash(), "new:better horse");
    }

    #[tokio::test]
    async fn concurrent_repeats_of_a_password_change_all_succeed() {
        let fixture = Fixture::new("new:correct horse").await;
        let first = Mutex::new(None);
        let contended = contended(&fixture.auth.users, "change_password", async || {
            if first.lock().unwrap().is_none() {
                let changed = fixture.change("correct horse", "better horse").await;
                *first.lock().unwrap() = Some(changed.unwrap());
            }
        });
        let change = PasswordChange::parse("correct horse", "better horse", POLICY).unwrap();
        let (sessions, hasher) = (&fixture.auth.sessions, &fixture.auth.hasher);
        let (tokens, clock) = (&fixture.auth.tokens, &fixture.auth.clock);
        let (owner, permit) = (fixture.owner().await.unwrap(), rate_limit_permit());
        let second = change_password(
            &contended, sessions, hasher, tokens, clock, owner, permit, change, None,
        )
        .await;
        assert!(fixture.is_active(&second.unwrap()).await);
        let first = first.lock().unwrap().take().unwrap();
        assert!(fixture.is_active(&first).await);
    }

    #[tokio::test]
    async fn incorrect_old_password_changes_nothing() {
        let fixture = Fixture::new("new:correct horse").await;
        for new in ["better horse", "correct horse"] {
            assert!(is_incorrect(&fixture.change("battery staple", new).await));
        }
        assert_eq!(fixture.hash(), "new:correct horse");
        assert_eq!(fixture.auth.sessions.count(), 2);
        assert!(fixture.is_active(&fixture.pair).await);
    }

    #[tokio::test]
    async fn failed_password_changes_reach_the_rate_limit() {
        for is_revoked in [false, true] {
            let fixture = Fixture::new("new:correct horse").await;
            if is_revoked {
                let (user, users) = (fixture.user, &fixture.auth.users);
                assert!(users.increment_credentials_version(user, None).await.unwrap());
            }
            let calls = fixture.auth.hasher.call_count();
            for _ in 0..3 {
                let failed = fixture.attempt("battery staple", "better horse").await;
                let is_rejected = matches!(failed, Err(ChangePasswordError::SessionRevoked));
                assert!(if is_revoked { is_rejected } else { is_incorrect(&failed) });
            }
            assert!(matches!(
                fixture.attempt("correct horse", "correct horse").await,
                Err(ChangePasswordError::RateLimit(RateLimitError::TooMany { .. }))
            ));
            assert_eq!(fixture.auth.hasher.call_count(), calls + 3);
        }
    }
}
