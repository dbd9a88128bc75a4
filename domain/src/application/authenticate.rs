//! Who makes a request: a token that is ours, and a session that is not over.

use thiserror::Error;

use crate::clock::Clock;
use crate::id::{SessionId, UserId};
use crate::repository::RepositoryError;
use crate::store::SessionStore;
use crate::token::{TokenError, TokenSigner};

/// Somebody signed in, by which login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn {
    /// Who it is.
    pub user: UserId,
    /// By which login.
    pub session: SessionId,
}

/// Why a request is nobody's.
#[derive(Debug, Error)]
pub enum AuthenticateError {
    /// See [`TokenError`]; `Refused` also when the session is over.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Checks the access token, then that its session still lives: logging out takes effect at once.
pub async fn authenticate(
    sessions: &impl SessionStore,
    access: &impl TokenSigner,
    clock: &impl Clock,
    token: &str,
) -> Result<SignedIn, AuthenticateError> {
    let now = clock.now();
    let claims = access.verify(token, now)?;
    sessions
        .find(claims.user, claims.session, now)
        .await?
        .ok_or(TokenError::Refused)?;
    Ok(SignedIn {
        user: claims.user,
        session: claims.session,
    })
}
