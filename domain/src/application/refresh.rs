//! Staying signed in.

use thiserror::Error;

use crate::clock::Clock;
use crate::repository::RepositoryError;
use crate::session::{RefreshGrant, Rotation};
use crate::store::SessionStore;
use crate::token::{SignError, TokenError, TokenIssuer, TokenPair, TokenSigner};

/// Why there are no new tokens.
#[derive(Debug, Error)]
pub enum RefreshError {
    /// See [`TokenError`]; `Refused` also when the session is over, or ends here because the token
    /// was used before.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// See [`SignError`].
    #[error(transparent)]
    Sign(#[from] SignError),
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Exchanges the session's current refresh token for the next pair.
pub async fn refresh(
    sessions: &impl SessionStore,
    tokens: &TokenIssuer<impl TokenSigner>,
    clock: &impl Clock,
    presented: &str,
) -> Result<TokenPair, RefreshError> {
    let now = clock.now();
    let claims = tokens.refresh.verify(presented, now)?;
    let next = RefreshGrant::new(now, tokens.lifetimes.refresh);
    let rotation = sessions
        .rotate(claims.user, claims.session, claims.token, &next, now)
        .await?;
    match rotation {
        Rotation::Rotated(session) | Rotation::Repeated(session) => {
            Ok(tokens.issue(&session, now)?)
        }
        Rotation::Reused | Rotation::Ended => Err(TokenError::Refused.into()),
    }
}
