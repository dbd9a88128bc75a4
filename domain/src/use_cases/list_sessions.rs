//! Listing the sessions of a user.

use super::AuthenticatedUser;
use crate::clock::Clock;
use crate::session::{Session, SessionStore};
use crate::storage::StorageError;

/// A session in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The session.
    pub session: Session,
    /// Whether it is the session of the request.
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
