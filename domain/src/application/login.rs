//! Signing in.

use thiserror::Error;

use crate::clock::Clock;
use crate::password::{HashError, Password, PasswordHasher, Verdict};
use crate::repository::{RepositoryError, UserRepository};
use crate::session::{Session, UserAgent};
use crate::store::SessionStore;
use crate::token::{SignError, TokenIssuer, TokenPair, TokenSigner};
use crate::user::{Email, PublicUser};

/// What somebody who signs in says, once it can be compared.
#[derive(Debug, Clone)]
pub struct LoginAttempt {
    email: Email,
    password: Password,
    user_agent: Option<UserAgent>,
}

/// One thing wrong with what somebody who signs in says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidLoginField {
    /// No e-mail address.
    #[error("email is required")]
    EmailRequired,
    /// Not an e-mail address.
    #[error("not an e-mail address")]
    InvalidEmail,
    /// No password.
    #[error("password is required")]
    PasswordRequired,
}

/// Everything wrong with what somebody who signs in says; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the login is not valid: {0:?}")]
pub struct InvalidLogin(pub Vec<InvalidLoginField>);

impl LoginAttempt {
    /// Checks everything and tells all that is wrong at once.
    pub fn parse(
        email: &str,
        password: &str,
        user_agent: Option<&str>,
    ) -> Result<Self, InvalidLogin> {
        let email = match email.trim() {
            "" => Err(InvalidLoginField::EmailRequired),
            email => Email::parse(email).map_err(|_| InvalidLoginField::InvalidEmail),
        };
        let password = match password {
            "" => Err(InvalidLoginField::PasswordRequired),
            password => Ok(Password::presented(password)),
        };
        match (email, password) {
            (Ok(email), Ok(password)) => Ok(Self {
                email,
                password,
                user_agent: user_agent.and_then(UserAgent::parse),
            }),
            (email, password) => Err(InvalidLogin(
                [email.err(), password.err()]
                    .into_iter()
                    .flatten()
                    .collect(),
            )),
        }
    }
}

/// Why nobody was signed in.
#[derive(Debug, Error)]
pub enum LoginError {
    /// Nobody has the address, or it is another password: nobody is told which.
    #[error("the e-mail address or the password is wrong")]
    IncorrectPassword,
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`SignError`].
    #[error(transparent)]
    Sign(#[from] SignError),
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Who signed in, and what keeps them signed in.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// Who it is.
    pub user: PublicUser,
    /// What keeps them signed in.
    pub tokens: TokenPair,
}

/// Compares the password and begins a session. A hash from before the migration is replaced.
pub async fn login(
    users: &impl UserRepository,
    sessions: &impl SessionStore,
    hasher: &impl PasswordHasher,
    tokens: &TokenIssuer<impl TokenSigner>,
    clock: &impl Clock,
    attempt: LoginAttempt,
) -> Result<LoggedIn, LoginError> {
    let Some(credentials) = users.find_credentials(&attempt.email).await? else {
        hasher.verify(&attempt.password, &hasher.decoy());
        return Err(LoginError::IncorrectPassword);
    };
    let user = credentials.user;
    match hasher.verify(&attempt.password, &credentials.password) {
        Verdict::Wrong => return Err(LoginError::IncorrectPassword),
        Verdict::Right => {}
        Verdict::RightButOutdated => {
            let new = hasher.hash(&attempt.password)?;
            users
                .replace_password(user.id, &credentials.password, &new)
                .await?;
        }
    }
    let now = clock.now();
    let session = Session::begin(user.id, now, tokens.lifetimes.refresh, attempt.user_agent);
    let tokens = tokens.issue(&session, now)?;
    sessions.create(&session, now).await?;
    Ok(LoggedIn { user, tokens })
}
