//! Choosing another password.

use thiserror::Error;

use super::SignedIn;
use super::throttle::{Admitted, ThrottleError, admit_again, forgive};
use crate::attempt::AttemptStore;
use crate::password::{
    HashError, InvalidPassword, Password, PasswordHasher, PasswordPolicy, Verdict,
};
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
            old => Ok(Password::presented(old)),
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
    /// See [`ThrottleError`].
    #[error(transparent)]
    Throttle(#[from] ThrottleError),
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// Replaces the password and ends all other sessions: whoever else knew the old one is out. Where
/// sessions could not be ended, the same change may be asked for again: a password that is the new one
/// already needs no more than that.
pub async fn change_password(
    users: &impl UserRepository,
    sessions: &(impl SessionStore + AttemptStore),
    hasher: &impl PasswordHasher,
    who: SignedIn,
    admitted: Admitted,
    change: PasswordChange,
) -> Result<(), ChangePasswordError> {
    let stored = users.find_password(who.user).await?;
    let stored = stored.ok_or(ChangePasswordError::IncorrectPassword)?;
    let mut admitted = vec![admitted];
    // Two hashes, whichever way it goes.
    let is_changed = match hasher.verify(&change.old, &stored) {
        // Whether the new one is the password already is a second guess, and counted as one.
        Verdict::Wrong => {
            admitted.push(admit_again(sessions, &admitted[0]).await?);
            hasher.verify(&change.new, &stored) != Verdict::Wrong
        }
        Verdict::Right | Verdict::RightButOutdated => {
            let new = hasher.hash(&change.new)?;
            users.replace_password(who.user, &stored, &new).await?
                // Perhaps it was replaced, and only the answer was lost.
                || users.find_password(who.user).await? == Some(new)
        }
    };
    if !is_changed {
        return Err(ChangePasswordError::IncorrectPassword);
    }
    for admitted in admitted {
        forgive(sessions, admitted).await;
    }
    Ok(sessions.revoke_all(who.user, Some(who.session)).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::admit;
    use crate::application::test_support::{admitted, signed_in};
    use crate::attempt::{Attempted, SourceAddress};
    use crate::id::UserId;
    use crate::password::PasswordHash;
    use crate::session::Session;
    use crate::testing::{
        Fault, FixedClock, MemorySessions, MemoryUsers, PlainHasher, faulty, sample,
    };

    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 8 };

    fn change(old: &str, new: &str) -> PasswordChange {
        PasswordChange::parse(old, new, POLICY).unwrap()
    }

    /// Somebody with this hash who is signed in twice.
    async fn scene(users: &MemoryUsers, sessions: &MemorySessions, hash: &str) -> SignedIn {
        let user = sample::user();
        let hash = PasswordHash::new(hash.to_owned());
        users.create(&user, &hash).await.unwrap();
        let who = signed_in(user.public.id);
        for id in [who.session, crate::id::SessionId::new(sample::moment())] {
            let now = sample::moment();
            let begun = Session::begin(who.user, now, Duration::from_hours(1), None);
            sessions
                .create(&Session { id, ..begun }, now)
                .await
                .unwrap();
        }
        who
    }

    fn hash_of(users: &MemoryUsers, user: UserId) -> String {
        users.password_of(user).unwrap().as_str().to_owned()
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_in_order() {
        let wrong = |old, new| PasswordChange::parse(old, new, POLICY).unwrap_err().0;
        assert_eq!(
            wrong("", ""),
            [
                InvalidPasswordChangeField::OldRequired,
                InvalidPasswordChangeField::NewRequired,
            ]
        );
        let common = InvalidPasswordChangeField::InvalidNew(InvalidPassword::TooCommon);
        assert_eq!(wrong("x", "password"), [common]);
    }

    #[tokio::test]
    async fn the_password_is_replaced_and_all_other_sessions_end() {
        for hash in ["new:correct horse", "old:correct horse"] {
            let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
            let (hasher, change) = (
                PlainHasher::default(),
                change("correct horse", "better horse"),
            );
            let who = scene(&users, &sessions, hash).await;
            // The second time as by a client that heard no answer.
            for _ in 0..2 {
                let change = change.clone();
                change_password(&users, &sessions, &hasher, who, admitted(), change)
                    .await
                    .unwrap();
                assert_eq!(hash_of(&users, who.user), "new:better horse");
                let living = sessions.list(who.user, sample::moment()).await.unwrap();
                assert_eq!(living.len(), 1);
                assert_eq!(living[0].id, who.session);
            }
        }
    }

    #[tokio::test]
    async fn a_wrong_old_password_changes_nothing_after_as_much_hashing() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (right, wrong) = (PlainHasher::default(), PlainHasher::default());
        let who = scene(&users, &sessions, "new:correct horse").await;
        let guess = change("battery staple", "better horse");
        let refused = change_password(&users, &sessions, &wrong, who, admitted(), guess).await;
        assert!(matches!(
            refused,
            Err(ChangePasswordError::IncorrectPassword)
        ));
        assert_eq!(hash_of(&users, who.user), "new:correct horse");
        assert_eq!(sessions.count(), 2);
        let known = change("correct horse", "better horse");
        let changed = change_password(&users, &sessions, &right, who, admitted(), known).await;
        changed.unwrap();
        assert_eq!(right.asked(), wrong.asked());
    }

    #[tokio::test]
    async fn a_new_password_is_no_second_guess_for_free() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let hasher = PlainHasher::default();
        let who = scene(&users, &sessions, "new:correct horse").await;
        let guess = async |new: &str| {
            let (limits, source) = (admitted().limits, SourceAddress::parse("203.0.113.7"));
            let (clock, changing) = (FixedClock::default(), Attempted::ChangePassword);
            let admitted = admit(&sessions, &clock, &limits, changing, "ada", &source).await?;
            let change = change("battery staple", new);
            change_password(&users, &sessions, &hasher, who, admitted, change).await
        };
        let wrong = guess("better horse").await;
        assert!(matches!(wrong, Err(ChangePasswordError::IncorrectPassword)));
        // Three may be compared, and this would be the fourth.
        for right in ["correct horse", "correct horse"] {
            assert!(matches!(
                guess(right).await,
                Err(ChangePasswordError::Throttle(ThrottleError::TooMany { .. }))
            ));
        }
        assert_eq!(hasher.asked(), 3);
    }

    #[tokio::test]
    async fn who_was_right_the_second_time_is_not_counted() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let (hasher, clock) = (PlainHasher::default(), FixedClock::default());
        let who = scene(&users, &sessions, "new:better horse").await;
        let (limits, source) = (admitted().limits, SourceAddress::parse("203.0.113.7"));
        for _ in 0..20 {
            let changing = Attempted::ChangePassword;
            let admitted = admit(&sessions, &clock, &limits, changing, "ada", &source);
            let (admitted, again) = (admitted.await.unwrap(), change("x", "better horse"));
            change_password(&users, &sessions, &hasher, who, admitted, again)
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn who_is_gone_has_no_password() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let who = signed_in(UserId::new(sample::moment()));
        let (hasher, change) = (
            PlainHasher::default(),
            change("correct horse", "better horse"),
        );
        let refused = change_password(&users, &sessions, &hasher, who, admitted(), change).await;
        assert!(matches!(
            refused,
            Err(ChangePasswordError::IncorrectPassword)
        ));
    }

    #[tokio::test]
    async fn sessions_that_cannot_be_ended_are_told() {
        let (users, sessions) = (MemoryUsers::default(), MemorySessions::default());
        let who = scene(&users, &sessions, "new:correct horse").await;
        let hasher = PlainHasher::default();
        let failing = faulty(&sessions, "revoke_all", Fault::Unavailable);
        let failed = {
            let change = change("correct horse", "better horse");
            change_password(&users, &failing, &hasher, who, admitted(), change).await
        };
        assert!(matches!(failed, Err(ChangePasswordError::Repository(_))));
        // Asked for again, the rest is done.
        let change = change("correct horse", "better horse");
        let done = change_password(&users, &sessions, &hasher, who, admitted(), change).await;
        done.unwrap();
        assert_eq!(sessions.count(), 1);
    }
}
