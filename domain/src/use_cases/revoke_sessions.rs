//! Revoking many sessions.

use super::AuthenticatedUser;
use crate::session::SessionStore;
use crate::storage::StorageError;

/// The sessions to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeScope {
    /// All but the session of the request.
    Others,
    /// All, the session of the request too.
    All,
}

/// Revokes sessions of the user. The session of the request is revoked last, so that the client can retry
/// after a failure.
pub async fn revoke_sessions(
    sessions: &impl SessionStore,
    who: AuthenticatedUser,
    scope: RevokeScope,
) -> Result<(), StorageError> {
    sessions.revoke_all(who.user, Some(who.session)).await?;
    match scope {
        RevokeScope::Others => Ok(()),
        RevokeScope::All => sessions.revoke(who.user, who.session).await,
    }
}
