//! Logout.

use super::AuthenticatedUser;
use crate::session::SessionStore;
use crate::storage::StorageError;

/// Revokes the session of the request. Other sessions of the user stay active.
pub async fn logout(
    sessions: &impl SessionStore,
    user: AuthenticatedUser,
) -> Result<(), StorageError> {
    sessions.revoke(user.id, user.session).await
}
