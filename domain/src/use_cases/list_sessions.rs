//! Listing the sessions of a user.

use super::AuthenticatedUser;
use crate::clock::Clock;
use crate::id::SessionId;
use crate::page::{PageRequest, PageSize};
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

/// A page of the list of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// The active sessions.
    pub sessions: Vec<ListedSession>,
    /// The session after which the next page starts; `None` for the last page.
    pub next: Option<SessionId>,
}

/// Lists the active sessions of the user, newest first. Reads at most 100 stored sessions. Some of them may be revoked,
/// so a page may have fewer entries than requested, or none, although another page follows.
pub async fn list_sessions(
    sessions: &impl SessionStore,
    clock: &impl Clock,
    user: AuthenticatedUser,
    page: PageRequest<SessionId>,
) -> Result<SessionPage, StorageError> {
    let request = PageRequest { size: PageSize::default(), ..page };
    let stored = sessions.list(user.id, request).await?;
    let now = clock.now();
    let last_read = stored.items.last().map(|session| session.id);
    let mut active = stored
        .items
        .into_iter()
        .filter(|session| session.is_active(user.credentials_version, now))
        .map(|session| ListedSession { is_current: session.id == user.session, session });
    let sessions: Vec<_> = active.by_ref().take(page.size.get()).collect();
    let next = if active.next().is_some() {
        sessions.last().map(|listed| listed.session.id)
    } else {
        last_read.filter(|_| stored.more)
    };
    Ok(SessionPage { sessions, next })
}
