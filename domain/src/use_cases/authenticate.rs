//! Who makes a request: a token that is ours, and a session that is not over.

use thiserror::Error;

use crate::clock::{Clock, Timestamp};
use crate::id::{SessionId, UserId};
use crate::session::SessionStore;
use crate::storage::StorageError;
use crate::token::{TokenError, TokenSigner};

/// Who an access token says is calling, before anybody looked whether the session is over: enough
/// to read for, too little to write for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenIdentity {
    /// Who it is.
    pub user: UserId,
    session: SessionId,
    at: Timestamp,
}

/// Somebody signed in, by which login. Only [`authenticate`] makes one, so what takes one happens
/// after the session was seen to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticatedUser {
    pub(super) user: UserId,
    pub(super) session: SessionId,
}

/// Why a request is nobody's.
#[derive(Debug, Error)]
pub enum CheckSessionError {
    /// See [`TokenError`]; `Refused` also when the session is over.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Checks the access token. Asks nobody.
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
    Ok(TokenIdentity {
        user: claims.user,
        session: claims.session,
        at,
    })
}

/// Checks that the caller's session still lives: logging out takes effect at once.
pub async fn authenticate(
    sessions: &impl SessionStore,
    caller: TokenIdentity,
) -> Result<AuthenticatedUser, CheckSessionError> {
    let TokenIdentity { user, session, at } = caller;
    sessions
        .find(user, session, at)
        .await?
        .ok_or(TokenError::Rejected)?;
    Ok(AuthenticatedUser { user, session })
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
        auth.clock
            .advance(Duration::from_millis(15 * 60 * 1_000 - 1));
        let who = auth.authenticate(&pair.access).await.unwrap();
        assert_eq!((who.user, who.session), (session.user, session.id));
        auth.clock.advance(Duration::from_millis(1));
        let refused = auth.authenticate(&pair.access).await;
        assert!(matches!(
            refused,
            Err(CheckSessionError::Token(TokenError::Expired))
        ));
    }

    #[tokio::test]
    async fn access_token_of_expired_session_is_rejected() {
        let mut auth = AuthFixture::new();
        auth.tokens.lifetimes.access = auth.tokens.lifetimes.refresh * 2;
        let (_, pair) = auth.log_in(user()).await;
        auth.clock.advance(auth.tokens.lifetimes.refresh);
        let refused = auth.authenticate(&pair.access).await;
        assert!(matches!(
            refused,
            Err(CheckSessionError::Token(TokenError::Rejected))
        ));
    }
}
