//! Revoking one session.

use super::{AuthenticatedUser, LookupError};
use crate::clock::Clock;
use crate::id::SessionId;
use crate::session::SessionStore;

/// Revokes a session of the user. It may be the session of the request.
pub async fn revoke_session(
    sessions: &impl SessionStore,
    clock: &impl Clock,
    who: AuthenticatedUser,
    session: SessionId,
) -> Result<(), LookupError> {
    let found = sessions.find(who.user, session, clock.now()).await?;
    let session = found.ok_or(LookupError::NotFound)?;
    Ok(sessions.revoke(who.user, session.id).await?)
}
