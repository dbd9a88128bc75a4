//! Signing out.

use super::SignedIn;
use crate::repository::RepositoryError;
use crate::store::SessionStore;

/// Ends this login, and only this one.
pub async fn logout(
    sessions: &impl SessionStore,
    signed_in: SignedIn,
) -> Result<(), RepositoryError> {
    sessions.revoke(signed_in.user, signed_in.session).await
}
