//! Signing out.

use super::AuthenticatedUser;
use crate::session::SessionStore;
use crate::storage::StorageError;

/// Ends this login, and only this one.
pub async fn logout(
    sessions: &impl SessionStore,
    signed_in: AuthenticatedUser,
) -> Result<(), StorageError> {
    sessions.revoke(signed_in.user, signed_in.session).await
}
