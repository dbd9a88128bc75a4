//! Authentication of requests: verify the access token, then check that its session is active.
//!
//! A session is active if its credentials version is that of its user; see [`UserRepository`](crate::user::UserRepository).

use thiserror::Error;

use crate::clock::{Clock, Timestamp};
use crate::id::{SessionId, UserId};
use crate::session::{ActiveSessions, Session};
use crate::storage::StorageError;
use crate::token::{TokenError, TokenSigner};

/// The user and session of a verified access token. The session may be revoked, so it permits reads only;
/// writes require an [`AuthenticatedUser`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The id of the user in the token.
    pub user: UserId,
    pub(super) session: SessionId,
    pub(super) at: Timestamp,
}

/// A user with an active session. Only this module creates it, so functions that require one run after the
/// session check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticatedUser {
    pub(super) id: UserId,
    pub(super) session: SessionId,
    pub(super) credentials_version: u64,
}

/// The user of a password change. Their session was active, or revoked by an earlier attempt of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordOwner {
    pub(super) id: UserId,
    pub(super) session: SessionId,
    /// The version of the session. The session is revoked if the user has a newer one.
    pub(super) credentials_version: u64,
}

/// Why a request was not authenticated.
#[derive(Debug, Error)]
pub enum CheckSessionError {
    /// The token was rejected; see [`TokenError`]. `Rejected` also if its session is not active.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Verifies the signature and expiry of an access token. Makes no network request.
pub fn verify_access_token(
    access: &impl TokenSigner,
    clock: &impl Clock,
    token: &str,
) -> Result<TokenIdentity, TokenError> {
    if token.is_empty() {
        return Err(TokenError::Missing);
    }
    let at = clock.now();
    let claims = access.verify(token, at)?;
    Ok(TokenIdentity { user: claims.user, session: claims.session, at })
}

/// Checks that the session of the token is active. A revoked session is therefore rejected immediately.
pub async fn authenticate(
    sessions: &impl ActiveSessions,
    identity: TokenIdentity,
) -> Result<AuthenticatedUser, CheckSessionError> {
    let (session, version) = find(sessions, identity).await?;
    active_user(&session, version.ok_or(TokenError::Rejected)?)
}

/// Like [`authenticate`], but accepts a session of a user without account: deleting an account revokes its sessions, and
/// the request that deletes the account can be repeated.
pub async fn authenticate_deletion(
    sessions: &impl ActiveSessions,
    identity: TokenIdentity,
) -> Result<AuthenticatedUser, CheckSessionError> {
    let (session, version) = find(sessions, identity).await?;
    active_user(&session, version.unwrap_or(session.credentials_version))
}

/// Like [`authenticate`], but accepts a session that a newer credentials version revoked: a password change does that,
/// and the request can be repeated.
pub async fn authenticate_password_change(
    sessions: &impl ActiveSessions,
    identity: TokenIdentity,
) -> Result<PasswordOwner, CheckSessionError> {
    let (session, version) = find(sessions, identity).await?;
    version.ok_or(TokenError::Rejected)?;
    Ok(PasswordOwner {
        id: session.user,
        session: session.id,
        credentials_version: session.credentials_version,
    })
}

/// Returns the session of the token and the credentials version of its user.
async fn find(
    sessions: &impl ActiveSessions,
    identity: TokenIdentity,
) -> Result<(Session, Option<u64>), CheckSessionError> {
    let TokenIdentity { user, session, at } = identity;
    let (session, version) = sessions.find(user, session, at).await?;
    Ok((session.ok_or(TokenError::Rejected)?, version))
}

/// Returns the user of a session; `Rejected` if the user has another credentials version.
pub(super) fn active_user(
    session: &Session,
    credentials_version: u64,
) -> Result<AuthenticatedUser, CheckSessionError> {
    if session.credentials_version != credentials_version {
        return Err(TokenError::Rejected.into());
    }
    Ok(AuthenticatedUser { id: session.user, session: session.id, credentials_version })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::SessionStore as _;
    use crate::testing::sample;
    use crate::use_cases::test_support::AuthFixture;
    use crate::user::UserRepository as _;

    #[tokio::test]
    async fn access_token_is_valid_until_it_expires() {
        let auth = AuthFixture::new();
        let ada = auth.add_user("a hash").await.public.id;
        let (session, pair) = auth.log_in(ada).await;
        auth.clock.advance(Duration::from_millis(15 * 60 * 1_000 - 1));
        let user = auth.authenticate(&pair.access).await.unwrap();
        assert_eq!((user.id, user.session), (session.user, session.id));
        auth.clock.advance(Duration::from_millis(1));
        let rejected = auth.authenticate(&pair.access).await;
        assert!(matches!(rejected, Err(CheckSessionError::Token(TokenError::Expired))));
    }

    #[tokio::test]
    async fn access_token_of_expired_session_is_rejected() {
        let mut auth = AuthFixture::new();
        auth.tokens.lifetimes.access = auth.tokens.lifetimes.refresh * 2;
        let ada = auth.add_user("a hash").await.public.id;
        let (_, pair) = auth.log_in(ada).await;
        auth.clock.advance(auth.tokens.lifetimes.refresh);
        let rejected = auth.authenticate(&pair.access).await;
        assert!(matches!(rejected, Err(CheckSessionError::Token(TokenError::Rejected))));
    }

    #[tokio::test]
    async fn session_of_deleted_user_permits_only_a_repeated_deletion() {
        let auth = AuthFixture::new();
        let ada = auth.add_user("a hash").await.public.id;
        let (session, pair) = auth.log_in(ada).await;
        let identity = verify_access_token(&auth.tokens.access, &auth.clock, &pair.access).unwrap();
        let is_rejected = |error| matches!(error, CheckSessionError::Token(TokenError::Rejected));
        let may_delete = async || authenticate_deletion(&auth.active(), identity).await;
        assert!(may_delete().await.is_ok());
        auth.users.increment_credentials_version(ada, None).await.unwrap();
        assert!(is_rejected(may_delete().await.unwrap_err()));
        auth.users.delete(ada, sample::timestamp()).await.unwrap();
        assert_eq!(may_delete().await.unwrap().id, ada);
        assert!(is_rejected(auth.authenticate(&pair.access).await.unwrap_err()));
        let owner = authenticate_password_change(&auth.active(), identity).await;
        assert!(is_rejected(owner.unwrap_err()));
        auth.sessions.revoke(ada, session.id).await.unwrap();
        assert!(is_rejected(may_delete().await.unwrap_err()));
    }
}
