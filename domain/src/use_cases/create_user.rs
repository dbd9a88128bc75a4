//! Sign-up.

use thiserror::Error;

use super::RateLimitPermit;
use crate::clock::Clock;
use crate::id::UserId;
use crate::password::{HashError, InvalidPassword, Password, PasswordHasher, PasswordPolicy};
use crate::storage::StorageError;
use crate::text::InvalidText;
use crate::user::{Email, InsertUserError, PublicUser, User, UserName, UserRepository};

/// A validated sign-up request.
#[derive(Debug, Clone)]
pub struct NewUser {
    first_name: UserName,
    last_name: UserName,
    email: Email,
    password: Password,
}

/// One invalid field of a sign-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUserField {
    /// The first name is missing.
    #[error("first name is required")]
    FirstNameRequired,
    /// The last name is missing.
    #[error("last name is required")]
    LastNameRequired,
    /// The first name contains a forbidden character.
    #[error("not a valid first name")]
    InvalidFirstName,
    /// The last name contains a forbidden character.
    #[error("not a valid last name")]
    InvalidLastName,
    /// A name is longer than [`UserName::MAX_CHARS`].
    #[error("a name is too long")]
    NameTooLong,
    /// The e-mail is missing.
    #[error("email is required")]
    EmailRequired,
    /// The e-mail is not valid.
    #[error("not a valid e-mail")]
    InvalidEmail,
    /// The password is missing.
    #[error("password is required")]
    PasswordRequired,
    /// The password is too short, too long, too common or the e-mail.
    #[error(transparent)]
    InvalidPassword(InvalidPassword),
}

/// All invalid fields of a sign-up; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the user is not valid: {0:?}")]
pub struct InvalidUser(pub Vec<InvalidUserField>);

impl NewUser {
    /// Returns the e-mail of the new account.
    pub fn email(&self) -> &Email {
        &self.email
    }

    /// Validates all fields of a sign-up and reports all errors in the order of the fields.
    pub fn parse(
        first_name: &str,
        last_name: &str,
        email: &str,
        password: &str,
        policy: PasswordPolicy,
    ) -> Result<Self, InvalidUser> {
        let name = |raw, required, invalid| {
            UserName::parse(raw).map_err(|error| match error {
                InvalidText::Empty => required,
                InvalidText::TooLong => InvalidUserField::NameTooLong,
                InvalidText::ForbiddenCharacter => invalid,
            })
        };
        let first_name = name(
            first_name,
            InvalidUserField::FirstNameRequired,
            InvalidUserField::InvalidFirstName,
        );
        let last_name =
            name(last_name, InvalidUserField::LastNameRequired, InvalidUserField::InvalidLastName);
        let is_email = email.trim().eq_ignore_ascii_case(password.trim());
        let email = match email.trim() {
            "" => Err(InvalidUserField::EmailRequired),
            email => Email::parse(email).map_err(|_| InvalidUserField::InvalidEmail),
        };
        let password = match password {
            "" => Err(InvalidUserField::PasswordRequired),
            _ if is_email => Err(InvalidUserField::InvalidPassword(InvalidPassword::TooCommon)),
            password => {
                Password::parse(password, policy).map_err(InvalidUserField::InvalidPassword)
            }
        };
        match (first_name, last_name, email, password) {
            (Ok(first_name), Ok(last_name), Ok(email), Ok(password)) => {
                Ok(Self { first_name, last_name, email, password })
            }
            (first, last, email, password) => {
                let invalid = [first.err(), last.err(), email.err(), password.err()];
                Err(InvalidUser(invalid.into_iter().flatten().collect()))
            }
        }
    }
}

/// Why no user was created.
#[derive(Debug, Error)]
pub enum CreateUserError {
    /// Another account has the e-mail.
    #[error("the e-mail is taken")]
    EmailTaken,
    /// The password could not be hashed; see [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<InsertUserError> for CreateUserError {
    fn from(error: InsertUserError) -> Self {
        match error {
            InsertUserError::EmailTaken => Self::EmailTaken,
            InsertUserError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Creates an account with the id `id`. The password is always hashed first, so a taken e-mail takes the same
/// time as a free one. If an account with this id exists, an earlier attempt created it; its user is returned.
pub async fn create_user(
    users: &impl UserRepository,
    hasher: &impl PasswordHasher,
    clock: &impl Clock,
    _: &RateLimitPermit,
    id: UserId,
    new: NewUser,
) -> Result<PublicUser, CreateUserError> {
    let now = clock.now();
    let hash = hasher.hash(&new.password)?;
    let user = User {
        public: PublicUser { id, first_name: new.first_name, last_name: new.last_name },
        email: new.email,
        created_at: now,
    };
    let Err(error) = users.create(&user, &hash).await else {
        return Ok(user.public);
    };
    match users.find_consistent(id).await {
        Ok(Some(saved)) => Ok(saved),
        Ok(None) => Err(error.into()),
        // An error that ends the operation requires that no earlier attempt created the account.
        Err(unknown) => Err(unknown.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fault, faulty, sample};
    use crate::use_cases::test_support::{AuthFixture, rate_limit_permit};

    const POLICY: PasswordPolicy = PasswordPolicy { min_chars: 8 };

    impl AuthFixture {
        async fn sign_up(&self, id: UserId, email: &str) -> Result<PublicUser, CreateUserError> {
            self.sign_up_on(&self.users, id, email).await
        }

        async fn sign_up_on(
            &self,
            users: &impl UserRepository,
            id: UserId,
            email: &str,
        ) -> Result<PublicUser, CreateUserError> {
            let new = NewUser::parse(" Ada ", "Lovelace", email, "correct horse", POLICY);
            let (hasher, clock) = (&self.hasher, &self.clock);
            create_user(users, hasher, clock, &rate_limit_permit(), id, new.unwrap()).await
        }
    }

    fn new_id() -> UserId {
        UserId::new(sample::timestamp())
    }

    #[test]
    fn invalid_sign_up_returns_all_field_errors() {
        use InvalidUserField::{
            EmailRequired, FirstNameRequired, InvalidEmail, InvalidFirstName, InvalidLastName,
            InvalidPassword as Password, LastNameRequired, NameTooLong, PasswordRequired,
        };
        let missing = [FirstNameRequired, LastNameRequired, EmailRequired, PasswordRequired];
        let long = "x".repeat(101);
        let short = Password(InvalidPassword::TooShort { min_chars: 8 });
        let common = Password(InvalidPassword::TooCommon);
        for ([first, last, email, password], expected) in [
            (["", "", "", ""], &missing[..]),
            ([" ", "\t", "\n ", ""], &missing),
            ([&long, &long, "ada@", "short"], &[NameTooLong, NameTooLong, InvalidEmail, short]),
            (
                ["Ada", " ", "ada@example.com", &"x".repeat(129)],
                &[LastNameRequired, Password(InvalidPassword::TooLong)],
            ),
            (
                ["A\0da", "\u{202e}Ada", "ada@1.2.3.4", "password"],
                &[InvalidFirstName, InvalidLastName, InvalidEmail, common],
            ),
            (
                ["\u{200b}", "\u{2800}", "ada@example.com", "Ada@Example.com"],
                &[FirstNameRequired, LastNameRequired, common],
            ),
        ] {
            let error = NewUser::parse(first, last, email, password, POLICY).unwrap_err();
            assert_eq!(error, InvalidUser(expected.to_vec()));
        }
    }

    #[tokio::test]
    async fn repeated_sign_up_with_same_id_creates_one_user() {
        let (fixture, id) = (AuthFixture::new(), new_id());
        let lossy = faulty(&fixture.users, "create", Fault::ResponseLost);
        let email = " Ada@Example.com ";
        let public = fixture.sign_up_on(&lossy, id, email).await.unwrap();
        assert_eq!(public.id, id);
        assert_eq!(public.first_name.as_str(), "Ada");
        assert_eq!(public.last_name.as_str(), "Lovelace");
        assert_eq!(fixture.sign_up(id, email).await.unwrap(), public);
        let account = fixture.users.account(id).unwrap();
        assert_eq!(account.public, public);
        assert_eq!(account.email.as_typed(), "Ada@Example.com");
        assert_eq!(account.created_at, fixture.clock.now());
        assert_eq!(fixture.hash_of(id), "new:correct horse");
    }

    #[tokio::test]
    async fn sign_up_with_taken_email_takes_as_long_as_with_free_email() {
        let fixture = AuthFixture::new();
        let first = fixture.sign_up(new_id(), "ada@example.com").await;
        assert!(first.is_ok());
        let calls = fixture.hasher.call_count();
        let rejected = fixture.sign_up(new_id(), "ADA@example.com").await;
        assert!(matches!(rejected, Err(CreateUserError::EmailTaken)));
        assert_eq!(fixture.hasher.call_count(), calls * 2);
    }
}
