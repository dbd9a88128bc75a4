//! Revoking one session.

use super::{AuthenticatedUser, LookupError};
use crate::clock::Clock;
use crate::id::SessionId;
use crate::session::SessionStore;

/// Revokes one session of the user, which may be the session of the request.
pub async fn revoke_session(
    sessions: &impl SessionStore,
    clock: &impl Clock,
    user: AuthenticatedUser,
    session: SessionId,
) -> Result<(), LookupError> {
    let now = clock.now();
    let session = sessions.find(user.id, session, now).await?;
    let session = session
        .filter(|session| session.is_active(user.credentials_version, now))
        .ok_or(LookupError::NotFound)?;
    Ok(sessions.revoke(user.id, session.id).await?)
}
