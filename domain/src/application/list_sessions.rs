//! Seeing where one is signed in.

use super::SignedIn;
use crate::clock::Clock;
use crate::session::{Session, SessionStore};
use crate::storage::StorageError;

/// One login of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The login.
    pub session: Session,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// The user's sessions that are not over, newest first.
pub async fn list_sessions(
    sessions: &impl SessionStore,
    clock: &impl Clock,
    who: SignedIn,
) -> Result<Vec<ListedSession>, StorageError> {
    let mut live = sessions.list(who.user, clock.now()).await?;
    // Ids sort by time.
    live.sort_by_key(|session| std::cmp::Reverse(session.id));
    let listed = live.into_iter().map(|session| ListedSession {
        is_current: session.id == who.session,
        session,
    });
    Ok(listed.collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::test_support::signed_in;
    use crate::id::UserId;
    use crate::testing::{FixedClock, MemorySessions, sample};

    #[tokio::test]
    async fn live_sessions_are_listed_newest_first() {
        let (sessions, clock) = (MemorySessions::default(), FixedClock::default());
        let who = signed_in(UserId::new(sample::moment()));
        let begin = |user, minutes| {
            let lifetime = Duration::from_mins(minutes);
            Session::begin(user, sample::moment(), lifetime, None)
        };
        let current = Session {
            id: who.session,
            ..begin(who.user, 60)
        };
        let later = begin(who.user, 60);
        let over = begin(who.user, 1);
        let theirs = begin(UserId::new(sample::moment()), 60);
        for session in [&current, &later, &over, &theirs] {
            sessions.create(session, clock.now()).await.unwrap();
        }
        clock.advance(Duration::from_mins(2));
        let listed = list_sessions(&sessions, &clock, who).await.unwrap();
        let expected =
            [(later, false), (current, true)].map(|(session, is_current)| ListedSession {
                session,
                is_current,
            });
        assert_eq!(listed, expected);
    }
}
