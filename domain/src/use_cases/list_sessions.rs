//! Seeing where one is signed in.

use super::AuthenticatedUser;
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
    who: AuthenticatedUser,
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
