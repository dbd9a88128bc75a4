//! Revoking several sessions.

use super::AuthenticatedUser;
use crate::session::SessionStore;
use crate::storage::StorageError;

/// The sessions to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeScope {
    /// All sessions except that of the request.
    Others,
    /// All sessions, including that of the request.
    All,
}

/// Revokes sessions of the user. The session of the request is revoked last, so that the client can retry
/// after a failure.
pub async fn revoke_sessions(
    sessions: &impl SessionStore,
    user: AuthenticatedUser,
    scope: RevokeScope,
) -> Result<(), StorageError> {
    sessions.revoke_all(user.id, Some(user.session)).await?;
    match scope {
        RevokeScope::Others => Ok(()),
        RevokeScope::All => sessions.revoke(user.id, user.session).await,
    }
}
