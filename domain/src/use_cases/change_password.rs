//! Changing the password.

use thiserror::Error;

use super::AuthenticatedUser;
use super::rate_limit::{RateLimitError, RateLimitPermit};
use crate::password::{
    HashError, InvalidPassword, Password, PasswordCheck, PasswordHasher, PasswordPolicy,
};
use crate::rate_limit::RateLimitStore;
use crate::session::SessionStore;
use crate::storage::StorageError;
use crate::user::UserRepository;

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
    /// The old password is wrong, or the account was deleted.
    #[error("the old password is wrong")]
    IncorrectPassword,
    /// The rate limit was exceeded or could not be checked; see [`RateLimitError`].
    #[error(transparent)]
    RateLimit(#[from] RateLimitError),
    /// The password could not be hashed; see [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Replaces the password and revokes all other sessions of the user. If revoking fails, the request can be
/// retried: a request whose new password is already stored succeeds.
pub async fn change_password(
    users: &impl UserRepository,
    sessions: &(impl SessionStore + RateLimitStore),
    hasher: &impl PasswordHasher,
    user: AuthenticatedUser,
    mut permit: RateLimitPermit,
    change: PasswordChange,
) -> Result<(), ChangePasswordError> {
    let Some(stored) = users.find_password(user.id).await? else {
        permit.settle(sessions).await;
        return Err(ChangePasswordError::IncorrectPassword);
    };
    // Both branches hash twice, so that timing does not reveal whether the old password is correct.
    let is_changed = match hasher.verify(&change.old, &stored) {
        // A retry after a lost response: the new password is already stored. It verifies a second
        // password, so it counts as a second attempt.
        PasswordCheck::Invalid => {
            permit = permit.charge_again(sessions).await?;
            hasher.verify(&change.new, &stored) != PasswordCheck::Invalid
        }
        PasswordCheck::Valid | PasswordCheck::ValidNeedsRehash => {
            let new = hasher.hash(&change.new)?;
            users.replace_password(user.id, &stored, &new).await?
                // It may have been replaced by an attempt whose response was lost.
                || users.find_password(user.id).await? == Some(new)
        }
    };
    if !is_changed {
        permit.settle(sessions).await;
        return Err(ChangePasswordError::IncorrectPassword);
    }
    permit.refund(sessions).await;
    Ok(sessions.revoke_all(user.id, Some(user.session)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use crate::rate_limit::{ClientIp, LimitedAction};
    use crate::testing::{Fault, faulty, sample};
    use crate::use_cases::check_rate_limit;
    use crate::use_cases::test_support::{AuthFixture, authenticated_user, rate_limit_permit};

    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 8 };

    /// A user with two sessions; the first one makes the request.
    struct Fixture {
        auth: AuthFixture,
        user: AuthenticatedUser,
    }

    impl Fixture {
        async fn new(hash: &str) -> Self {
            let auth = AuthFixture::new();
            let user = auth.add_user(hash).await.public.id;
            let (session, _) = auth.log_in(user).await;
            auth.log_in(user).await;
            let session = session.id;
            let user = AuthenticatedUser { id: user, session };
            Self { auth, user }
        }

        async fn change(&self, old: &str, new: &str) -> Result<(), ChangePasswordError> {
            self.change_with(&self.auth.sessions, rate_limit_permit(), old, new).await
        }

        async fn change_with(
            &self,
            sessions: &(impl SessionStore + RateLimitStore),
            permit: RateLimitPermit,
            old: &str,
            new: &str,
        ) -> Result<(), ChangePasswordError> {
            let change = PasswordChange::parse(old, new, POLICY).unwrap();
            let (users, hasher) = (&self.auth.users, &self.auth.hasher);
            change_password(users, sessions, hasher, self.user, permit, change).await
        }

        /// Checks the rate limit and changes the password, as one request does.
        async fn attempt(&self, old: &str, new: &str) -> Result<(), ChangePasswordError> {
            let (limits, client_ip) = (rate_limit_permit().limits, ClientIp::parse("203.0.113.7"));
            let (clock, action) = (&self.auth.clock, LimitedAction::ChangePassword);
            let permit =
                check_rate_limit(&self.auth.sessions, clock, &limits, action, "ada", &client_ip)
                    .await?;
            self.change_with(&self.auth.sessions, permit, old, new).await
        }

        fn hash(&self) -> String {
            self.auth.hash_of(self.user.id)
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

    #[tokio::test]
    async fn password_change_revokes_all_other_sessions() {
        let (old, new) = ("correct horse", "better horse");
        for hash in ["new:correct horse", "old:correct horse"] {
            let fixture = Fixture::new(hash).await;
            let failing = faulty(&fixture.auth.sessions, "revoke_all", Fault::Unavailable);
            let failed = fixture.change_with(&failing, rate_limit_permit(), old, new).await;
            assert!(matches!(failed, Err(ChangePasswordError::Storage(_))));
            for _ in 0..2 {
                fixture.change(old, new).await.unwrap();
                assert_eq!(fixture.hash(), "new:better horse");
                let active = fixture.auth.sessions.list(fixture.user.id, sample::timestamp());
                let active = active.await.unwrap();
                assert_eq!(active.len(), 1);
                assert_eq!(active[0].id, fixture.user.session);
            }
        }
    }

    #[tokio::test]
    async fn checking_wrong_old_password_takes_as_long_as_correct_one() {
        let mut fixture = Fixture::new("new:correct horse").await;
        let rejected = fixture.change("battery staple", "better horse").await;
        let is_incorrect = |outcome| matches!(outcome, Err(ChangePasswordError::IncorrectPassword));
        assert!(is_incorrect(rejected));
        assert_eq!(fixture.hash(), "new:correct horse");
        assert_eq!(fixture.auth.sessions.count(), 2);
        let calls = fixture.auth.hasher.call_count();
        let changed = fixture.change("correct horse", "better horse").await;
        changed.unwrap();
        assert_eq!(fixture.auth.hasher.call_count(), calls * 2);
        // A deleted user has no password.
        fixture.user = authenticated_user(UserId::new(sample::timestamp()));
        assert!(is_incorrect(fixture.change("better horse", "best horse").await));
    }

    #[tokio::test]
    async fn failed_password_change_counts_as_two_attempts() {
        let fixture = Fixture::new("new:correct horse").await;
        for _ in 0..20 {
            let retried = fixture.attempt("x y z w", "correct horse").await;
            retried.unwrap();
        }
        let calls = fixture.auth.hasher.call_count();
        let wrong = fixture.attempt("battery staple", "better horse").await;
        assert!(matches!(wrong, Err(ChangePasswordError::IncorrectPassword)));
        // Three passwords may be verified; the new one would be the fourth.
        for _ in 0..2 {
            assert!(matches!(
                fixture.attempt("battery staple", "correct horse").await,
                Err(ChangePasswordError::RateLimit(RateLimitError::TooMany { .. }))
            ));
        }
        assert_eq!(fixture.auth.hasher.call_count(), calls + 3);
    }
}
