//! Refreshing the tokens of a session.

use futures_util::future::join;
use thiserror::Error;

use crate::clock::Clock;
use crate::session::{RefreshTokenState, Rotation, SessionStore};
use crate::storage::StorageError;
use crate::token::{SignError, TokenError, TokenIssuer, TokenPair, TokenSigner};
use crate::user::UserRepository;

/// Why no new tokens were issued.
#[derive(Debug, Error)]
pub enum RefreshError {
    /// The token was rejected; see [`TokenError`]. `Rejected` also if the session is not active, or was
    /// revoked because the token was reused.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The new tokens could not be signed; see [`SignError`].
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Rotates the refresh token of the session and returns new tokens; see [`SessionStore::rotate`]. A session that a newer
/// credentials version revoked is rejected; rotating its token has no effect.
pub async fn refresh(
    users: &impl UserRepository,
    sessions: &impl SessionStore,
    tokens: &TokenIssuer<impl TokenSigner>,
    clock: &impl Clock,
    presented: &str,
) -> Result<TokenPair, RefreshError> {
    let now = clock.now();
    let claims = tokens.refresh.verify(presented, now)?;
    let next = RefreshTokenState::new(now, tokens.lifetimes.refresh);
    let (rotation, version) = join(
        Box::pin(sessions.rotate(claims.user, claims.session, claims.token, &next, now)),
        Box::pin(users.find_credentials_version(claims.user)),
    )
    .await;
    let (rotation, version) = (rotation?, version?);
    match rotation {
        Rotation::Rotated(session) | Rotation::Replayed(session)
            if Some(session.credentials_version) == version =>
        {
            Ok(tokens.issue(&session, now)?)
        }
        _ => Err(TokenError::Rejected.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::sample;
    use crate::use_cases::test_support::AuthFixture;

    async fn assert_rejected(auth: &AuthFixture, token: &str, expected: TokenError) {
        match auth.refresh(token).await {
            Err(RefreshError::Token(error)) => assert_eq!(error, expected, "{token}"),
            other => panic!("{token}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn refreshing_tokens_extends_the_session() {
        let auth = AuthFixture::new();
        let ada = auth.add_user("a hash").await.public.id;
        let (_, mut pair) = auth.log_in(ada).await;
        // Token times are whole seconds, and the clock starts at a whole second.
        let almost = Duration::from_secs(7 * 24 * 60 * 60 - 1);
        for _ in 0..5 {
            auth.clock.advance(almost);
            pair = auth.refresh(&pair.refresh).await.unwrap();
        }
        auth.clock.advance(auth.tokens.lifetimes.refresh);
        assert_rejected(&auth, &pair.refresh, TokenError::Expired).await;
    }

    #[tokio::test]
    async fn invalid_refresh_token_is_rejected() {
        let auth = AuthFixture::new();
        let ada = auth.add_user("a hash").await.public.id;
        let (session, pair) = auth.log_in(ada).await;
        for token in ["", "null", "refresh|1|2|3|4|5"] {
            assert_rejected(&auth, token, TokenError::Malformed).await;
        }
        assert_rejected(&auth, &pair.access, TokenError::Rejected).await;
        let revoked = auth.sessions.revoke(session.user, session.id).await;
        revoked.unwrap();
        assert_rejected(&auth, &pair.refresh, TokenError::Rejected).await;
        assert_eq!(auth.sessions.count(), 0);
        auth.clock.advance(auth.tokens.lifetimes.refresh);
        assert_rejected(&auth, &pair.refresh, TokenError::Expired).await;
    }

    #[tokio::test]
    async fn newer_credentials_version_revokes_refresh_token() {
        let auth = AuthFixture::new();
        let ada = auth.add_user("a hash").await.public.id;
        let (_, pair) = auth.log_in(ada).await;
        let pair = auth.refresh(&pair.refresh).await.unwrap();
        assert!(auth.authenticate(&pair.access).await.is_ok());
        auth.users.increment_credentials_version(ada, None).await.unwrap();
        assert!(auth.authenticate(&pair.access).await.is_err());
        assert_rejected(&auth, &pair.refresh, TokenError::Rejected).await;
        let (_, pair) = auth.log_in(ada).await;
        let pair = auth.refresh(&pair.refresh).await.unwrap();
        auth.users.delete(ada, sample::timestamp()).await.unwrap();
        assert_rejected(&auth, &pair.refresh, TokenError::Rejected).await;
    }
}
