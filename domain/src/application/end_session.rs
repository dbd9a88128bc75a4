//! Signing out elsewhere: of one login, or of many.

use thiserror::Error;

use super::SignedIn;
use crate::clock::Clock;
use crate::id::SessionId;
use crate::session::SessionStore;
use crate::storage::StorageError;

/// Why the session was not ended.
#[derive(Debug, Error)]
pub enum EndSessionError {
    /// The user has no such session, or no longer.
    #[error("no such session")]
    NotFound,
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// Ends one session of the user's, which may be the one that asks.
pub async fn end_session(
    sessions: &impl SessionStore,
    clock: &impl Clock,
    who: SignedIn,
    session: SessionId,
) -> Result<(), EndSessionError> {
    let found = sessions.find(who.user, session, clock.now()).await?;
    let session = found.ok_or(EndSessionError::NotFound)?;
    Ok(sessions.revoke(who.user, session.id).await?)
}

/// Which of a user's sessions are to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All but the one that asks.
    Others,
    /// All.
    All,
}

/// Ends the user's sessions. The one that asks goes last, so that it can ask again where another one
/// could not be ended.
pub async fn end_sessions(
    sessions: &impl SessionStore,
    who: SignedIn,
    ended: Ended,
) -> Result<(), StorageError> {
    sessions.revoke_all(who.user, Some(who.session)).await?;
    match ended {
        Ended::Others => Ok(()),
        Ended::All => sessions.revoke(who.user, who.session).await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::test_support::signed_in;
    use crate::id::UserId;
    use crate::session::Session;
    use crate::testing::{FixedClock, MemorySessions, sample};

    /// Somebody who is signed in twice, and somebody else.
    async fn scene(sessions: &MemorySessions) -> (SignedIn, [Session; 3]) {
        let who = signed_in(UserId::new(sample::moment()));
        let begin = |user| Session::begin(user, sample::moment(), Duration::from_hours(1), None);
        let current = Session {
            id: who.session,
            ..begin(who.user)
        };
        let all = [
            current,
            begin(who.user),
            begin(UserId::new(sample::moment())),
        ];
        for session in &all {
            sessions.create(session, session.created_at).await.unwrap();
        }
        (who, all)
    }

    async fn lives(sessions: &MemorySessions, session: &Session) -> bool {
        let found = sessions.find(session.user, session.id, session.created_at);
        found.await.unwrap().is_some()
    }

    #[tokio::test]
    async fn one_session_is_ended_and_only_once() {
        let (sessions, clock) = (MemorySessions::default(), FixedClock::default());
        let (who, [current, other, _]) = scene(&sessions).await;
        end_session(&sessions, &clock, who, other.id).await.unwrap();
        assert!(!lives(&sessions, &other).await);
        assert!(lives(&sessions, &current).await);
        let again = end_session(&sessions, &clock, who, other.id).await;
        assert!(matches!(again, Err(EndSessionError::NotFound)));
        end_session(&sessions, &clock, who, current.id)
            .await
            .unwrap();
        assert!(!lives(&sessions, &current).await);
    }

    #[tokio::test]
    async fn a_session_of_somebody_elses_is_not_found_and_lives() {
        let (sessions, clock) = (MemorySessions::default(), FixedClock::default());
        let (who, [.., theirs]) = scene(&sessions).await;
        let refused = end_session(&sessions, &clock, who, theirs.id).await;
        assert!(matches!(refused, Err(EndSessionError::NotFound)));
        assert!(lives(&sessions, &theirs).await);
    }

    #[tokio::test]
    async fn all_sessions_are_ended_with_or_without_the_current_one() {
        let sessions = MemorySessions::default();
        let (who, [current, other, theirs]) = scene(&sessions).await;
        end_sessions(&sessions, who, Ended::Others).await.unwrap();
        assert!(lives(&sessions, &current).await && !lives(&sessions, &other).await);
        end_sessions(&sessions, who, Ended::All).await.unwrap();
        assert!(!lives(&sessions, &current).await);
        assert!(lives(&sessions, &theirs).await);
    }
}
