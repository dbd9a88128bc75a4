//! Staying signed in.

use thiserror::Error;

use crate::clock::Clock;
use crate::session::{RefreshGrant, Rotation, SessionStore};
use crate::storage::StorageError;
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
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::test_support::AuthFixture;
    use crate::id::UserId;
    use crate::session::REFRESH_GRACE;
    use crate::testing::sample;

    fn user() -> UserId {
        UserId::new(sample::moment())
    }

    async fn assert_refused(auth: &AuthFixture, token: &str, expected: TokenError) {
        match auth.refresh(token).await {
            Err(RefreshError::Token(error)) => assert_eq!(error, expected, "{token}"),
            other => panic!("{token}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn session_lives_as_long_as_it_is_refreshed() {
        let auth = AuthFixture::new();
        let (_, mut pair) = auth.log_in(user()).await;
        // Tokens count whole seconds, and the clock stands at the beginning of one.
        let almost = Duration::from_secs(7 * 24 * 60 * 60 - 1);
        for _ in 0..5 {
            auth.clock.advance(almost);
            pair = auth.refresh(&pair.refresh).await.unwrap();
        }
        auth.clock.advance(auth.tokens.lifetimes.refresh);
        assert_refused(&auth, &pair.refresh, TokenError::Expired).await;
    }

    #[tokio::test]
    async fn previous_token_returns_the_current_one_for_ten_seconds() {
        let auth = AuthFixture::new();
        let (_, first) = auth.log_in(user()).await;
        let second = auth.refresh(&first.refresh).await.unwrap();
        assert_ne!(second.refresh, first.refresh);
        assert_eq!(second.access_lifetime, auth.tokens.lifetimes.access);
        for step in [Duration::ZERO, REFRESH_GRACE] {
            auth.clock.advance(step);
            let again = auth.refresh(&first.refresh).await.unwrap();
            assert_eq!(again.refresh, second.refresh);
            assert_ne!(again.access, second.access);
            assert!(auth.authenticate(&again.access).await.is_ok());
        }
        assert!(auth.refresh(&second.refresh).await.is_ok());
    }

    #[tokio::test]
    async fn reused_token_revokes_its_session_and_no_other() {
        let (grace, user) = (REFRESH_GRACE + Duration::from_millis(1), user());
        // One exchange old after the grace period, and two exchanges old at once.
        for (exchanges, wait) in [(1, grace), (2, Duration::ZERO)] {
            let auth = AuthFixture::new();
            let (_, first) = auth.log_in(user).await;
            let (_, other) = auth.log_in(user).await;
            let mut last = first.clone();
            for _ in 0..exchanges {
                last = auth.refresh(&last.refresh).await.unwrap();
            }
            auth.clock.advance(wait);
            assert_refused(&auth, &first.refresh, TokenError::Refused).await;
            assert_refused(&auth, &last.refresh, TokenError::Refused).await;
            assert!(auth.authenticate(&last.access).await.is_err());
            assert!(auth.refresh(&other.refresh).await.is_ok());
            assert_eq!(auth.sessions.count(), 1);
        }
    }

    #[tokio::test]
    async fn unusable_token_is_refused() {
        let auth = AuthFixture::new();
        let (session, pair) = auth.log_in(user()).await;
        for token in ["", "null", "refresh|1|2|3|4|5"] {
            assert_refused(&auth, token, TokenError::Malformed).await;
        }
        assert_refused(&auth, &pair.access, TokenError::Refused).await;
        let revoked = auth.sessions.revoke(session.user, session.id).await;
        revoked.unwrap();
        assert_refused(&auth, &pair.refresh, TokenError::Refused).await;
        assert_eq!(auth.sessions.count(), 0);
        auth.clock.advance(auth.tokens.lifetimes.refresh);
        assert_refused(&auth, &pair.refresh, TokenError::Expired).await;
    }
}
