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

    /// Two sessions of the user who asks, and one of another user.
    struct Fixture {
        sessions: MemorySessions,
        clock: FixedClock,
        who: SignedIn,
        all: [Session; 3],
    }

    impl Fixture {
        async fn new() -> Self {
            let who = signed_in(UserId::new(sample::moment()));
            let begin =
                |user| Session::begin(user, sample::moment(), Duration::from_hours(1), None);
            let mut all = [who.user, who.user, UserId::new(sample::moment())].map(begin);
            all[0].id = who.session;
            let sessions = MemorySessions::default();
            for session in &all {
                sessions.create(session, session.created_at).await.unwrap();
            }
            Self {
                sessions,
                clock: FixedClock::default(),
                who,
                all,
            }
        }

        async fn end(&self, nth: usize) -> Result<(), EndSessionError> {
            end_session(&self.sessions, &self.clock, self.who, self.all[nth].id).await
        }

        /// Which of the three are alive.
        async fn alive(&self) -> Vec<usize> {
            let mut alive = Vec::new();
            for (nth, session) in self.all.iter().enumerate() {
                let found = self
                    .sessions
                    .find(session.user, session.id, session.created_at);
                alive.extend(found.await.unwrap().map(|_| nth));
            }
            alive
        }
    }

    #[tokio::test]
    async fn own_session_is_ended_once() {
        let fixture = Fixture::new().await;
        fixture.end(1).await.unwrap();
        assert_eq!(fixture.alive().await, [0, 2]);
        let again = fixture.end(1).await;
        assert!(matches!(again, Err(EndSessionError::NotFound)));
        fixture.end(0).await.unwrap();
        assert_eq!(fixture.alive().await, [2]);
    }

    #[tokio::test]
    async fn session_of_another_user_is_not_found() {
        let fixture = Fixture::new().await;
        let refused = fixture.end(2).await;
        assert!(matches!(refused, Err(EndSessionError::NotFound)));
        assert_eq!(fixture.alive().await, [0, 1, 2]);
    }

    #[tokio::test]
    async fn own_sessions_end_with_or_without_the_current_one() {
        let fixture = Fixture::new().await;
        for (ended, alive) in [(Ended::Others, vec![0, 2]), (Ended::All, vec![2])] {
            let outcome = end_sessions(&fixture.sessions, fixture.who, ended).await;
            outcome.unwrap();
            assert_eq!(fixture.alive().await, alive);
        }
    }
}
