//! Revoking several sessions.

use super::{AuthenticatedUser, CheckSessionError};
use crate::clock::Clock;
use crate::session::ActiveSessions;
use crate::token::TokenError;
use crate::user::UserRepository;

/// The sessions to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeScope {
    /// All sessions except that of the request.
    Others,
    /// All sessions, including that of the request.
    All,
}

/// Revokes sessions of the user, however many they are, with one write of the user. Returns `Rejected` if a concurrent
/// request revoked the session of this request.
pub async fn revoke_sessions(
    users: &impl UserRepository,
    sessions: &impl ActiveSessions,
    clock: &impl Clock,
    user: AuthenticatedUser,
    scope: RevokeScope,
) -> Result<(), CheckSessionError> {
    if scope == RevokeScope::All {
        users.increment_credentials_version(user.id, None).await?;
        return Ok(());
    }
    if sessions.revoke_others(user.id, user.session, user.credentials_version).await? {
        return Ok(());
    }
    // The session is still active if a concurrent or repeated request with it revoked the others.
    let (session, version) = sessions.find(user.id, user.session, clock.now()).await?;
    let is_active = session.is_some_and(|session| Some(session.credentials_version) == version);
    if is_active { Ok(()) } else { Err(TokenError::Rejected.into()) }
}
