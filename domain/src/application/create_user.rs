//! Signing up.

use thiserror::Error;

use super::Admitted;
use crate::clock::Clock;
use crate::id::UserId;
use crate::password::{HashError, InvalidPassword, Password, PasswordHasher, PasswordPolicy};
use crate::storage::StorageError;
use crate::user::{
    Email, InsertUserError, InvalidUserName, PublicUser, User, UserName, UserRepository,
};

/// What somebody who signs up says, once it is right.
#[derive(Debug, Clone)]
pub struct NewUser {
    first_name: UserName,
    last_name: UserName,
    email: Email,
    password: Password,
}

/// One thing wrong with what somebody who signs up says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUserField {
    /// No first name.
    #[error("first name is required")]
    FirstNameRequired,
    /// No last name.
    #[error("last name is required")]
    LastNameRequired,
    /// A name longer than [`UserName::MAX_CHARS`].
    #[error("a name is too long")]
    NameTooLong,
    /// No e-mail address.
    #[error("email is required")]
    EmailRequired,
    /// Not an e-mail address.
    #[error("not an e-mail address")]
    InvalidEmail,
    /// No password.
    #[error("password is required")]
    PasswordRequired,
    /// A password that is too short or too long.
    #[error(transparent)]
    InvalidPassword(InvalidPassword),
}

/// Everything wrong with what somebody who signs up says; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the user is not valid: {0:?}")]
pub struct InvalidUser(pub Vec<InvalidUserField>);

impl NewUser {
    /// The address that is to be the account's.
    pub fn email(&self) -> &Email {
        &self.email
    }

    /// Checks everything and tells all that is wrong at once.
    pub fn parse(
        first_name: &str,
        last_name: &str,
        email: &str,
        password: &str,
        policy: PasswordPolicy,
    ) -> Result<Self, InvalidUser> {
        let name = |raw, required| {
            UserName::parse(raw).map_err(|error| match error {
                InvalidUserName::Empty => required,
                InvalidUserName::TooLong => InvalidUserField::NameTooLong,
            })
        };
        let email = match email.trim() {
            "" => Err(InvalidUserField::EmailRequired),
            email => Email::parse(email).map_err(|_| InvalidUserField::InvalidEmail),
        };
        let password = match password {
            "" => Err(InvalidUserField::PasswordRequired),
            password => {
                Password::parse(password, policy).map_err(InvalidUserField::InvalidPassword)
            }
        };
        match (
            name(first_name, InvalidUserField::FirstNameRequired),
            name(last_name, InvalidUserField::LastNameRequired),
            email,
            password,
        ) {
            (Ok(first_name), Ok(last_name), Ok(email), Ok(password)) => Ok(Self {
                first_name,
                last_name,
                email,
                password,
            }),
            (first_name, last_name, email, password) => Err(InvalidUser(
                [
                    first_name.err(),
                    last_name.err(),
                    email.err(),
                    password.err(),
                ]
                .into_iter()
                .flatten()
                .collect(),
            )),
        }
    }
}

/// Why nobody was signed up.
#[derive(Debug, Error)]
pub enum CreateUserError {
    /// Another account has the address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

impl From<InsertUserError> for CreateUserError {
    fn from(error: InsertUserError) -> Self {
        match error {
            InsertUserError::EmailTaken => Self::EmailTaken,
            InsertUserError::Repository(error) => Self::Repository(error),
        }
    }
}

/// Signs somebody up. The password is hashed before anybody looks whether the address is taken:
/// both answers take the same time. The account has the id `id`; where it is there already, an attempt
/// before has made it, and that is the answer.
pub async fn create_user(
    users: &impl UserRepository,
    hasher: &impl PasswordHasher,
    clock: &impl Clock,
    _: Admitted,
    id: UserId,
    new: NewUser,
) -> Result<PublicUser, CreateUserError> {
    let now = clock.now();
    let hash = hasher.hash(&new.password)?;
    let user = User {
        public: PublicUser {
            id,
            first_name: new.first_name,
            last_name: new.last_name,
        },
        email: new.email,
        created_at: now,
    };
    let Err(error) = users.create(&user, &hash).await else {
        return Ok(user.public);
    };
    match users.find_latest(id).await {
        Ok(Some(saved)) => Ok(saved),
        Ok(None) | Err(_) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::test_support::admitted;
    use crate::testing::{FixedClock, MemoryUsers, PlainHasher, sample};

    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 8 };

    fn ada() -> NewUser {
        NewUser::parse(
            " Ada ",
            "Lovelace",
            " Ada@Example.com ",
            "correct horse",
            POLICY,
        )
        .unwrap()
    }

    fn new_id() -> UserId {
        UserId::new(sample::moment())
    }

    fn wrong(first: &str, last: &str, email: &str, password: &str) -> Vec<InvalidUserField> {
        NewUser::parse(first, last, email, password, POLICY)
            .unwrap_err()
            .0
    }

    #[test]
    fn all_that_is_missing_is_told_at_once_and_in_order() {
        let missing = [
            InvalidUserField::FirstNameRequired,
            InvalidUserField::LastNameRequired,
            InvalidUserField::EmailRequired,
            InvalidUserField::PasswordRequired,
        ];
        assert_eq!(wrong("", "", "", ""), missing);
        assert_eq!(wrong(" ", "\t", "\n ", ""), missing);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_in_order() {
        let long = "x".repeat(101);
        assert_eq!(
            wrong(&long, &long, "ada@", "short"),
            [
                InvalidUserField::NameTooLong,
                InvalidUserField::NameTooLong,
                InvalidUserField::InvalidEmail,
                InvalidUserField::InvalidPassword(InvalidPassword::TooShort { min_chars: 8 }),
            ]
        );
        assert_eq!(
            wrong("Ada", " ", "ada@example.com", &"x".repeat(129)),
            [
                InvalidUserField::LastNameRequired,
                InvalidUserField::InvalidPassword(InvalidPassword::TooLong),
            ]
        );
    }

    #[test]
    fn a_password_of_spaces_is_a_password() {
        assert!(NewUser::parse("Ada", "L", "ada@example.com", "        ", POLICY).is_ok());
    }

    #[test]
    fn the_shortest_password_is_a_setting() {
        let policy = PasswordPolicy { min_chars: 6 };
        assert!(NewUser::parse("Ada", "L", "ada@example.com", "sesame", policy).is_ok());
    }

    #[tokio::test]
    async fn who_signs_up_is_saved_with_a_hash() {
        let (users, hasher, clock) = (
            MemoryUsers::default(),
            PlainHasher::default(),
            FixedClock::default(),
        );
        let public = create_user(&users, &hasher, &clock, admitted(), new_id(), ada())
            .await
            .unwrap();
        assert_eq!(public.first_name.as_str(), "Ada");
        assert_eq!(public.last_name.as_str(), "Lovelace");

        let account = users.account(public.id).unwrap();
        assert_eq!(account.public, public);
        assert_eq!(account.email.as_typed(), "Ada@Example.com");
        assert_eq!(account.created_at, clock.now());
        let hash = users.password_of(public.id).unwrap();
        assert_eq!(hash.as_str(), "new:correct horse");
    }

    #[tokio::test]
    async fn a_taken_address_is_refused_in_any_case_after_as_much_hashing() {
        let (users, clock) = (MemoryUsers::default(), FixedClock::default());
        let free = PlainHasher::default();
        let ada = create_user(&users, &free, &clock, admitted(), new_id(), ada())
            .await
            .unwrap();

        let taken = PlainHasher::default();
        let eve = NewUser::parse("Eve", "L", "ADA@EXAMPLE.COM", "another horse", POLICY).unwrap();
        let refused = create_user(&users, &taken, &clock, admitted(), new_id(), eve).await;
        assert!(matches!(refused, Err(CreateUserError::EmailTaken)));
        assert_eq!(taken.asked(), free.asked());

        let kept = users.password_of(ada.id).unwrap();
        assert_eq!(kept.as_str(), "new:correct horse");
    }

    #[tokio::test]
    async fn an_attempt_that_comes_again_with_its_id_is_answered_with_what_it_made() {
        let (users, clock) = (MemoryUsers::default(), FixedClock::default());
        let (hasher, id) = (PlainHasher::default(), new_id());
        let first = create_user(&users, &hasher, &clock, admitted(), id, ada()).await;
        let again = create_user(&users, &hasher, &clock, admitted(), id, ada()).await;
        assert_eq!(again.unwrap(), first.unwrap());
        let other = create_user(&users, &hasher, &clock, admitted(), new_id(), ada()).await;
        assert!(matches!(other, Err(CreateUserError::EmailTaken)));
    }
}
