//! Listing the sessions of a user.

use super::AuthenticatedUser;
use crate::clock::Clock;
use crate::session::{Session, SessionStore};
use crate::storage::StorageError;

/// An active session of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The session as stored.
    pub session: Session,
    /// Whether the request was made with this session.
    pub is_current: bool,
}

/// Lists the active sessions of the user, newest first.
pub async fn list_sessions(
    sessions: &impl SessionStore,
    clock: &impl Clock,
    user: AuthenticatedUser,
) -> Result<Vec<ListedSession>, StorageError> {
    let mut active = sessions.list(user.id, clock.now()).await?;
    // Ids sort by creation time.
    active.sort_by_key(|session| std::cmp::Reverse(session.id));
    let listed = active
        .into_iter()
        .map(|session| ListedSession { is_current: session.id == user.session, session });
    Ok(listed.collect())
}
