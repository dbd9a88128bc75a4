//! Revoking several sessions.

use super::{AuthenticatedUser, CheckSessionError, TokenIdentity, authenticate};
use crate::clock::Clock;
use crate::session::ActiveSessions;
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
    let identity = TokenIdentity { user: user.id, session: user.session, at: clock.now() };
    authenticate(sessions, identity).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::*;
    use crate::page::PageRequest;
    use crate::session::{Session, SessionStore as _};
    use crate::testing::{Fault, Faulty, unavailable};
    use crate::token::TokenError;
    use crate::use_cases::list_sessions;
    use crate::use_cases::test_support::AuthFixture;

    fn user_of(session: &Session) -> AuthenticatedUser {
        AuthenticatedUser {
            id: session.user,
            session: session.id,
            credentials_version: session.credentials_version,
        }
    }

    #[tokio::test]
    async fn revoking_14500_sessions_is_one_write() {
        let auth = AuthFixture::new();
        let ada = auth.add_user("a hash").await.public.id;
        let (oldest, pair) = auth.log_in(ada).await;
        for _ in 0..14_499 {
            auth.log_in(ada).await;
        }
        let listed = list_sessions(
            &auth.sessions,
            &auth.clock,
            user_of(&oldest),
            PageRequest::with_max_size(None),
        );
        assert_eq!(listed.await.unwrap().sessions.len(), 100);

        let calls = RefCell::new(Vec::new());
        let users = Faulty::new(&auth.users, async |call| {
            calls.borrow_mut().push(call);
            Fault::None
        });
        let (active, clock) = (auth.active(), &auth.clock);
        let user = user_of(&oldest);
        revoke_sessions(&users, &active, clock, user, RevokeScope::All).await.unwrap();
        assert_eq!(*calls.borrow(), ["increment_credentials_version"]);
        assert_eq!(auth.sessions.count(), 14_500);
        assert!(auth.authenticate(&pair.access).await.is_err());

        // One read lists only the new session, and the next page starts after the last session that was read.
        auth.clock.advance(Duration::from_millis(1));
        let (newest, _) = auth.log_in(ada).await;
        let request = PageRequest::with_max_size(None);
        let page = list_sessions(&auth.sessions, clock, user_of(&newest), request).await.unwrap();
        assert_eq!(page.sessions.len(), 1);
        let stored = auth.sessions.list(ada, request).await.unwrap();
        assert_eq!(page.next, Some(stored.items[99].id));
    }

    #[tokio::test]
    async fn current_session_stays_active_when_others_are_revoked() {
        let auth = AuthFixture::new();
        let ada = auth.add_user("a hash").await.public.id;
        let (phone, pair) = auth.log_in(ada).await;
        let (laptop, other) = auth.log_in(ada).await;
        let revoke = async |session| {
            let (active, user) = (auth.active(), user_of(session));
            revoke_sessions(&auth.users, &active, &auth.clock, user, RevokeScope::Others).await
        };
        revoke(&phone).await.unwrap();
        assert!(auth.authenticate(&pair.access).await.is_ok());
        assert!(auth.refresh(&other.refresh).await.is_err());
        // A repeated request, whose user was checked before the first one.
        revoke(&phone).await.unwrap();
        assert!(auth.authenticate(&pair.access).await.is_ok());
        // A concurrent request of a session that is revoked now.
        let rejected = revoke(&laptop).await;
        assert!(matches!(rejected, Err(CheckSessionError::Token(TokenError::Rejected))));
        assert!(auth.authenticate(&other.access).await.is_err());
    }

    #[tokio::test]
    async fn revocation_reports_unavailable_store() {
        let auth = AuthFixture::new();
        let ada = auth.add_user("a hash").await.public.id;
        let (session, pair) = auth.log_in(ada).await;
        let (users, active) = (unavailable(&auth.users), auth.active());
        let user = user_of(&session);
        let failed = revoke_sessions(&users, &active, &auth.clock, user, RevokeScope::All).await;
        assert!(matches!(failed, Err(CheckSessionError::Storage(_))));
        assert!(auth.authenticate(&pair.access).await.is_ok());
    }
}
