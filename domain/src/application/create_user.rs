//! Signing up.

use thiserror::Error;

use crate::clock::Clock;
use crate::id::UserId;
use crate::password::{HashError, InvalidPassword, Password, PasswordHasher, PasswordPolicy};
use crate::repository::{self, RepositoryError, UserRepository};
use crate::user::{Email, InvalidUserName, PublicUser, User, UserName};

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
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl From<repository::CreateUserError> for CreateUserError {
    fn from(error: repository::CreateUserError) -> Self {
        match error {
            repository::CreateUserError::EmailTaken => Self::EmailTaken,
            repository::CreateUserError::Repository(error) => Self::Repository(error),
        }
    }
}

/// Signs somebody up. The password is hashed before anybody looks whether the address is taken:
/// both answers take the same time.
pub async fn create_user(
    users: &impl UserRepository,
    hasher: &impl PasswordHasher,
    clock: &impl Clock,
    new: NewUser,
) -> Result<PublicUser, CreateUserError> {
    let now = clock.now();
    let hash = hasher.hash(&new.password)?;
    let user = User {
        public: PublicUser {
            id: UserId::new(now),
            first_name: new.first_name,
            last_name: new.last_name,
        },
        email: new.email,
        created_at: now,
    };
    users.create(&user, &hash).await?;
    Ok(user.public)
}
