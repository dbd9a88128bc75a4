//! Refreshing the tokens of a session.

use thiserror::Error;

use crate::clock::Clock;
use crate::id::{SessionId, UserId};
use crate::session::{RefreshTokenState, Rotation, SessionStore};
use crate::storage::StorageError;
use crate::token::{SignError, TokenError, TokenIssuer, TokenPair, TokenSigner};
use crate::user::UserRepository;

/// Why no new tokens were issued.
#[derive(Debug, Error)]
pub enum RefreshError {
    /// The token was rejected; see [`TokenError`]. `Rejected` also if the session is not active, `Expired` also if it
    /// has reached its maximum lifetime.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A token older than the previous one was used, so it may be stolen. The session was revoked.
    #[error("the refresh token was reused")]
    Reused {
        /// The user of the token.
        user: UserId,
        /// The revoked session.
        session: SessionId,
    },
    /// The new tokens could not be signed; see [`SignError`].
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Rotates the refresh token of the session and returns new tokens; see [`SessionStore::rotate`]. The new refresh
/// token expires at the latest when the session reaches its maximum lifetime. A session that a newer credentials
/// version revoked is rejected; rotating its token has no effect.
pub async fn refresh(
    users: &impl UserRepository,
    sessions: &impl SessionStore,
    tokens: &TokenIssuer<impl TokenSigner>,
    clock: &impl Clock,
    presented: &str,
) -> Result<TokenPair, RefreshError> {
    let now = clock.now();
    let claims = tokens.refresh.verify(presented, now)?;
    let mut next = RefreshTokenState::new(now, tokens.lifetimes.refresh);
    if let Some(authenticated_at) = claims.authenticated_at {
        next.expires_at = next.expires_at.min(authenticated_at.plus(tokens.lifetimes.session));
        if next.expires_at <= now {
            return Err(TokenError::Expired.into());
        }
    }
    let (user, session) = (claims.user, claims.session);
    // Read before the session. No session has a newer version than its user, so a session that is newer than what was
    // read has since revoked all others, and is active.
    let version = users.find_credentials_version(user).await?.ok_or(TokenError::Rejected)?;
    match sessions.rotate(user, session, claims.token, &next, now).await? {
        Rotation::Rotated(session) | Rotation::Replayed(session)
            if session.credentials_version >= version =>
        {
            Ok(tokens.issue(&session, now)?)
        }
        Rotation::Reused => Err(RefreshError::Reused { user, session }),
        Rotation::Rotated(_) | Rotation::Replayed(_) | Rotation::SessionNotFound => {
            Err(TokenError::Rejected.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::ActiveSessions as _;
    use crate::testing::{contended, sample};
    use crate::use_cases::CheckSessionError;
    use crate::use_cases::test_support::AuthFixture;

    const DAY: Duration = Duration::from_hours(24);

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
    async fn session_refreshed_every_6_days_ends_on_day_90() {
        let auth = AuthFixture::new();
        let (session, mut pair) = auth.log_in_new_user().await;
        for _ in 0..14 {
            auth.clock.advance(6 * DAY);
            pair = auth.refresh(&pair.refresh).await.unwrap();
        }
        let end = session.created_at.plus(90 * DAY);
        let found = auth.sessions.find(session.user, session.id, auth.clock.now()).await;
        assert_eq!(found.unwrap().unwrap().refresh.expires_at, end);
        let almost = Duration::from_secs(6 * 24 * 60 * 60 - 1);
        auth.clock.advance(almost);
        let last = auth.refresh(&pair.refresh).await.unwrap();
        auth.clock.advance(Duration::from_secs(1));
        assert_rejected(&auth, &pair.refresh, TokenError::Expired).await;
        assert_rejected(&auth, &last.refresh, TokenError::Expired).await;
        let access = auth.authenticate(&last.access).await;
        assert!(matches!(access, Err(CheckSessionError::Token(TokenError::Rejected))));
    }

    #[tokio::test]
    async fn lowered_session_maximum_applies_to_existing_sessions() {
        let mut auth = AuthFixture::new();
        let (_, pair) = auth.log_in_new_user().await;
        auth.tokens.lifetimes.session = 2 * DAY;
        auth.clock.advance(2 * DAY);
        assert_rejected(&auth, &pair.refresh, TokenError::Expired).await;
    }

    #[tokio::test]
    async fn refresh_a_day_after_a_lost_response_succeeds() {
        let auth = AuthFixture::new();
        let (_, first) = auth.log_in_new_user().await;
        let lost = auth.refresh(&first.refresh).await.unwrap();
        auth.clock.advance(DAY);
        let again = auth.refresh(&first.refresh).await.unwrap();
        assert_eq!(again.refresh, lost.refresh);
        auth.authenticate(&again.access).await.unwrap();
        auth.refresh(&again.refresh).await.unwrap();
    }

    #[tokio::test]
    async fn refresh_token_two_generations_old_revokes_the_session() {
        let auth = AuthFixture::new();
        let (session, first) = auth.log_in_new_user().await;
        let second = auth.refresh(&first.refresh).await.unwrap();
        let third = auth.refresh(&second.refresh).await.unwrap();
        match auth.refresh(&first.refresh).await {
            Err(RefreshError::Reused { user, session: revoked }) => {
                assert_eq!((user, revoked), (session.user, session.id));
            }
            other => panic!("{other:?}"),
        }
        assert_rejected(&auth, &third.refresh, TokenError::Rejected).await;
        assert_eq!(auth.sessions.count(), 0);
    }

    #[tokio::test]
    async fn invalid_refresh_token_is_rejected() {
        let auth = AuthFixture::new();
        let (session, pair) = auth.log_in_new_user().await;
        for token in ["", "null", "refresh|1|2|3|4|5|6"] {
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
    async fn session_that_revokes_others_during_its_refresh_is_kept() {
        let auth = AuthFixture::new();
        let (session, pair) = auth.log_in_new_user().await;
        let contended = contended(&auth.sessions, "rotate", async || {
            let version = session.credentials_version;
            let revoked = auth.active().revoke_others(session.user, session.id, version).await;
            assert!(revoked.unwrap());
        });
        let refreshed = refresh(&auth.users, &contended, &auth.tokens, &auth.clock, &pair.refresh);
        assert!(auth.authenticate(&refreshed.await.unwrap().access).await.is_ok());
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
