//! Choosing another password.

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

/// The password that somebody has, and the one that they want, once it is right.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    old: Password,
    new: Password,
}

/// One thing wrong with what somebody says who wants another password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPasswordChangeField {
    /// No old password.
    #[error("old password is required")]
    OldRequired,
    /// No new one.
    #[error("password is required")]
    NewRequired,
    /// A new one that is too short, too long or too common.
    #[error(transparent)]
    InvalidNew(InvalidPassword),
}

/// Everything wrong with what somebody says who wants another password; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the change is not valid: {0:?}")]
pub struct InvalidPasswordChange(pub Vec<InvalidPasswordChangeField>);

impl PasswordChange {
    /// Checks everything and tells all that is wrong at once.
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
            (old, new) => Err(InvalidPasswordChange(
                [old.err(), new.err()].into_iter().flatten().collect(),
            )),
        }
    }
}

/// Why the password is as it was.
#[derive(Debug, Error)]
pub enum ChangePasswordError {
    /// The old password is another one, or the account is gone.
    #[error("the old password is wrong")]
    IncorrectPassword,
    /// See [`RateLimitError`].
    #[error(transparent)]
    RateLimit(#[from] RateLimitError),
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Replaces the password and ends all other sessions: whoever else knew the old one is out. Where
/// sessions could not be ended, the same change may be asked for again: a password that is the new one
/// already needs no more than that.
pub async fn change_password(
    users: &impl UserRepository,
    sessions: &(impl SessionStore + RateLimitStore),
    hasher: &impl PasswordHasher,
    who: AuthenticatedUser,
    mut admitted: RateLimitPermit,
    change: PasswordChange,
) -> Result<(), ChangePasswordError> {
    let stored = users.find_password(who.user).await?;
    let stored = stored.ok_or(ChangePasswordError::IncorrectPassword)?;
    // Both ways hash twice, so that the time taken does not tell which password is right.
    let is_changed = match hasher.verify(&change.old, &stored) {
        // A retry after a lost response: the new password is stored already. As this compares a
        // second password it counts as a second attempt.
        PasswordCheck::Invalid => {
            admitted.charge(sessions).await?;
            hasher.verify(&change.new, &stored) != PasswordCheck::Invalid
        }
        PasswordCheck::Valid | PasswordCheck::ValidNeedsRehash => {
            let new = hasher.hash(&change.new)?;
            users.replace_password(who.user, &stored, &new).await?
                // It may have been replaced by an attempt whose response was lost.
                || users.find_password(who.user).await? == Some(new)
        }
    };
    if !is_changed {
        return Err(ChangePasswordError::IncorrectPassword);
    }
    admitted.refund(sessions).await;
    Ok(sessions.revoke_all(who.user, Some(who.session)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use crate::rate_limit::{ClientIp, LimitedAction};
    use crate::testing::{Fault, faulty, sample};
    use crate::use_cases::check_rate_limit;
    use crate::use_cases::test_support::{AuthFixture, admitted, signed_in};

    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 8 };

    /// A user with two sessions, who makes the request from the first.
    struct Fixture {
        auth: AuthFixture,
        who: AuthenticatedUser,
    }

    impl Fixture {
        async fn new(hash: &str) -> Self {
            let auth = AuthFixture::new();
            let user = auth.add_user(hash).await.public.id;
            let (session, _) = auth.log_in(user).await;
            auth.log_in(user).await;
            let session = session.id;
            let who = AuthenticatedUser { user, session };
            Self { auth, who }
        }

        async fn change(&self, old: &str, new: &str) -> Result<(), ChangePasswordError> {
            self.change_with(&self.auth.sessions, admitted(), old, new)
                .await
        }

        async fn change_with(
            &self,
            sessions: &(impl SessionStore + RateLimitStore),
            admitted: RateLimitPermit,
            old: &str,
            new: &str,
        ) -> Result<(), ChangePasswordError> {
            let change = PasswordChange::parse(old, new, POLICY).unwrap();
            let (users, hasher) = (&self.auth.users, &self.auth.hasher);
            change_password(users, sessions, hasher, self.who, admitted, change).await
        }

        /// With the limits counted.
        async fn attempt(&self, old: &str, new: &str) -> Result<(), ChangePasswordError> {
            let (limits, source) = (admitted().limits, ClientIp::parse("203.0.113.7"));
            let (clock, action) = (&self.auth.clock, LimitedAction::ChangePassword);
            let admitted =
                check_rate_limit(&self.auth.sessions, clock, &limits, action, "ada", &source)
                    .await?;
            self.change_with(&self.auth.sessions, admitted, old, new)
                .await
        }

        fn hash(&self) -> String {
            self.auth.hash_of(self.who.user)
        }
    }

    #[test]
    fn reports_all_field_errors_in_order() {
        use InvalidPasswordChangeField::{InvalidNew, NewRequired, OldRequired};
        for (old, new, expected) in [
            ("", "", vec![OldRequired, NewRequired]),
            (
                "x",
                "password",
                vec![InvalidNew(InvalidPassword::TooCommon)],
            ),
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
            let failed = fixture.change_with(&failing, admitted(), old, new).await;
            assert!(matches!(failed, Err(ChangePasswordError::Storage(_))));
            for _ in 0..2 {
                fixture.change(old, new).await.unwrap();
                assert_eq!(fixture.hash(), "new:better horse");
                let live = fixture
                    .auth
                    .sessions
                    .list(fixture.who.user, sample::timestamp());
                let live = live.await.unwrap();
                assert_eq!(live.len(), 1);
                assert_eq!(live[0].id, fixture.who.session);
            }
        }
    }

    #[tokio::test]
    async fn wrong_old_password_takes_as_long_as_a_correct_one() {
        let mut fixture = Fixture::new("new:correct horse").await;
        let refused = fixture.change("battery staple", "better horse").await;
        let is_incorrect = |outcome| matches!(outcome, Err(ChangePasswordError::IncorrectPassword));
        assert!(is_incorrect(refused));
        assert_eq!(fixture.hash(), "new:correct horse");
        assert_eq!(fixture.auth.sessions.count(), 2);
        let asked = fixture.auth.hasher.asked();
        let changed = fixture.change("correct horse", "better horse").await;
        changed.unwrap();
        assert_eq!(fixture.auth.hasher.asked(), asked * 2);
        // A deleted user has no password.
        fixture.who = signed_in(UserId::new(sample::timestamp()));
        assert!(is_incorrect(
            fixture.change("better horse", "best horse").await
        ));
    }

    #[tokio::test]
    async fn failed_password_change_counts_as_two_attempts() {
        let fixture = Fixture::new("new:correct horse").await;
        for _ in 0..20 {
            let retried = fixture.attempt("x y z w", "correct horse").await;
            retried.unwrap();
        }
        let asked = fixture.auth.hasher.asked();
        let wrong = fixture.attempt("battery staple", "better horse").await;
        assert!(matches!(wrong, Err(ChangePasswordError::IncorrectPassword)));
        // Three passwords may be compared; the new one would be the fourth.
        for _ in 0..2 {
            assert!(matches!(
                fixture.attempt("battery staple", "correct horse").await,
                Err(ChangePasswordError::RateLimit(
                    RateLimitError::TooMany { .. }
                ))
            ));
        }
        assert_eq!(fixture.auth.hasher.asked(), asked + 3);
    }
}
