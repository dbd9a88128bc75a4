//! Signing out elsewhere: of one login, or of many.

use super::{LookupError, SignedIn};
use crate::clock::Clock;
use crate::id::SessionId;
use crate::session::SessionStore;
use crate::storage::StorageError;

/// Ends one session of the user's, which may be the one that asks.
pub async fn end_session(
    sessions: &impl SessionStore,
    clock: &impl Clock,
    who: SignedIn,
    session: SessionId,
) -> Result<(), LookupError> {
    let found = sessions.find(who.user, session, clock.now()).await?;
    let session = found.ok_or(LookupError::NotFound)?;
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
