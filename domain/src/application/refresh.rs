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
    use crate::application::test_support::{by_token, issuer};
    use crate::id::UserId;
    use crate::session::{REFRESH_GRACE, Session};
    use crate::testing::{FixedClock, MemorySessions, PlainSigner, sample};

    /// One login and its client.
    struct Story {
        sessions: MemorySessions,
        clock: FixedClock,
        tokens: TokenIssuer<PlainSigner>,
        session: Session,
        first: TokenPair,
    }

    impl Story {
        async fn begin() -> Self {
            let (sessions, clock, tokens) =
                (MemorySessions::default(), FixedClock::default(), issuer());
            let user = UserId::new(sample::moment());
            let session = Session::begin(user, clock.now(), tokens.lifetimes.refresh, None);
            sessions.create(&session, clock.now()).await.unwrap();
            let first = tokens.issue(&session, clock.now()).unwrap();
            Self {
                sessions,
                clock,
                tokens,
                session,
                first,
            }
        }

        async fn present(&self, token: &str) -> Result<TokenPair, RefreshError> {
            refresh(&self.sessions, &self.tokens, &self.clock, token).await
        }

        async fn refused(&self, token: &str) -> TokenError {
            match self.present(token).await {
                Err(RefreshError::Token(error)) => error,
                other => panic!("no matter of tokens: {other:?}"),
            }
        }

        async fn accepts(&self, access: &str) -> bool {
            by_token(&self.sessions, &self.tokens.access, &self.clock, access)
                .await
                .is_ok()
        }
    }

    #[tokio::test]
    async fn the_current_token_is_exchanged_for_the_next_pair() {
        let story = Story::begin().await;
        story.clock.advance(Duration::from_mins(1));
        let second = story.present(&story.first.refresh).await.unwrap();
        assert_ne!(second.refresh, story.first.refresh);
        assert_ne!(second.access, story.first.access);
        assert_eq!(second.access_lifetime, story.tokens.lifetimes.access);
        assert!(story.accepts(&second.access).await);
        assert!(story.accepts(&story.first.access).await);

        let third = story.present(&second.refresh).await.unwrap();
        assert_ne!(third.refresh, second.refresh);
        assert_eq!(story.sessions.count(), 1);
    }

    #[tokio::test]
    async fn a_session_lives_as_long_as_it_is_refreshed() {
        let story = Story::begin().await;
        // Tokens count whole seconds, and the clock stands at the beginning of one.
        let almost = Duration::from_secs(7 * 24 * 60 * 60 - 1);
        let mut pair = story.first.clone();
        for _ in 0..5 {
            story.clock.advance(almost);
            pair = story.present(&pair.refresh).await.unwrap();
        }
        story.clock.advance(story.tokens.lifetimes.refresh);
        assert_eq!(story.refused(&pair.refresh).await, TokenError::Expired);
    }

    #[tokio::test]
    async fn the_token_before_is_answered_with_the_same_next_token_for_ten_seconds() {
        let story = Story::begin().await;
        let second = story.present(&story.first.refresh).await.unwrap();
        for step in [Duration::ZERO, REFRESH_GRACE] {
            story.clock.advance(step);
            let again = story.present(&story.first.refresh).await.unwrap();
            assert_eq!(again.refresh, second.refresh);
            assert_ne!(again.access, second.access);
            assert!(story.accepts(&again.access).await);
        }
        assert!(story.present(&second.refresh).await.is_ok());
    }

    #[tokio::test]
    async fn the_token_before_ends_the_session_a_millisecond_later() {
        let story = Story::begin().await;
        let second = story.present(&story.first.refresh).await.unwrap();
        story
            .clock
            .advance(REFRESH_GRACE + Duration::from_millis(1));
        let first = &story.first.refresh;
        assert_eq!(story.refused(first).await, TokenError::Refused);
        assert_eq!(story.refused(&second.refresh).await, TokenError::Refused);
        assert!(!story.accepts(&second.access).await);
        assert_eq!(story.sessions.count(), 0);
    }

    #[tokio::test]
    async fn a_token_two_exchanges_old_ends_the_session_at_once() {
        let story = Story::begin().await;
        let second = story.present(&story.first.refresh).await.unwrap();
        let third = story.present(&second.refresh).await.unwrap();
        let first = &story.first.refresh;
        assert_eq!(story.refused(first).await, TokenError::Refused);
        assert_eq!(story.refused(&third.refresh).await, TokenError::Refused);
        assert!(!story.accepts(&third.access).await);
    }

    #[tokio::test]
    async fn reuse_ends_no_other_login_of_the_user() {
        let story = Story::begin().await;
        let lifetime = story.tokens.lifetimes.refresh;
        let other = Session::begin(story.session.user, story.clock.now(), lifetime, None);
        let created = story.sessions.create(&other, story.clock.now()).await;
        created.unwrap();
        story.present(&story.first.refresh).await.unwrap();
        story.clock.advance(REFRESH_GRACE * 2);
        let first = &story.first.refresh;
        assert_eq!(story.refused(first).await, TokenError::Refused);

        let pair = story.tokens.issue(&other, story.clock.now()).unwrap();
        assert!(story.present(&pair.refresh).await.is_ok());
    }

    #[tokio::test]
    async fn an_expired_token_is_told_as_such() {
        let story = Story::begin().await;
        story.clock.advance(story.tokens.lifetimes.refresh);
        let first = &story.first.refresh;
        assert_eq!(story.refused(first).await, TokenError::Expired);
    }

    #[tokio::test]
    async fn an_access_token_refreshes_nothing() {
        let story = Story::begin().await;
        let access = &story.first.access;
        assert_eq!(story.refused(access).await, TokenError::Refused);
        assert!(story.present(&story.first.refresh).await.is_ok());
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_read_is_malformed() {
        let story = Story::begin().await;
        for token in ["", "null", "refresh|1|2|3|4|5"] {
            assert_eq!(story.refused(token).await, TokenError::Malformed, "{token}");
        }
        assert_eq!(story.sessions.count(), 1);
    }

    #[tokio::test]
    async fn a_session_that_is_over_is_not_brought_back() {
        let story = Story::begin().await;
        let (user, session) = (story.session.user, story.session.id);
        story.sessions.revoke(user, session).await.unwrap();
        let first = &story.first.refresh;
        assert_eq!(story.refused(first).await, TokenError::Refused);
        assert_eq!(story.sessions.count(), 0);
    }
}
