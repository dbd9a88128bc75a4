//! Authentication of requests: verify the access token, then check that its session is active.

use thiserror::Error;

use crate::clock::{Clock, Timestamp};
use crate::id::{SessionId, UserId};
use crate::session::SessionStore;
use crate::storage::StorageError;
use crate::token::{TokenError, TokenSigner};

/// The user and session of a verified access token. The session may be revoked, so it permits reads only;
/// writes require an [`AuthenticatedUser`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The id of the user in the token.
    pub user: UserId,
    pub(super) session: SessionId,
    at: Timestamp,
}

/// A user with an active session. Only [`authenticate`] creates it, so functions that require one run after the
/// session check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticatedUser {
    pub(super) id: UserId,
    pub(super) session: SessionId,
}

/// Why a request was not authenticated.
#[derive(Debug, Error)]
pub enum CheckSessionError {
    /// The token was rejected; see [`TokenError`]. `Rejected` also if its session is not active.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Verifies the signature and expiry of an access token. Makes no network request.
pub fn verify_access_token(
    access: &impl TokenSigner,
    clock: &impl Clock,
    token: &str,
) -> Result<TokenIdentity, TokenError> {
    if token.is_empty() {
        return Err(TokenError::Missing);
    }
    let at = clock.now();
    let claims = access.verify(token, at)?;
    Ok(TokenIdentity { user: claims.user, session: claims.session, at })
}

/// Checks that the session of the token is active. A revoked session is therefore rejected immediately.
pub async fn authenticate(
    sessions: &impl SessionStore,
    identity: TokenIdentity,
) -> Result<AuthenticatedUser, CheckSessionError> {
    let TokenIdentity { user, session, at } = identity;
    sessions.find(user, session, at).await?.ok_or(TokenError::Rejected)?;
    Ok(AuthenticatedUser { id: user, session })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::sample;
    use crate::use_cases::test_support::AuthFixture;

    fn user() -> UserId {
        UserId::new(sample::timestamp())
    }

    #[tokio::test]
    async fn access_token_is_valid_until_it_expires() {
        let auth = AuthFixture::new();
        let (session, pair) = auth.log_in(user()).await;
        auth.clock.advance(Duration::from_millis(15 * 60 * 1_000 - 1));
        let user = auth.authenticate(&pair.access).await.unwrap();
        assert_eq!((user.id, user.session), (session.user, session.id));
        auth.clock.advance(Duration::from_millis(1));
        let rejected = auth.authenticate(&pair.access).await;
        assert!(matches!(rejected, Err(CheckSessionError::Token(TokenError::Expired))));
    }

    #[tokio::test]
    async fn access_token_of_expired_session_is_rejected() {
        let mut auth = AuthFixture::new();
        auth.tokens.lifetimes.access = auth.tokens.lifetimes.refresh * 2;
        let (_, pair) = auth.log_in(user()).await;
        auth.clock.advance(auth.tokens.lifetimes.refresh);
        let rejected = auth.authenticate(&pair.access).await;
        assert!(matches!(rejected, Err(CheckSessionError::Token(TokenError::Rejected))));
    }
}
