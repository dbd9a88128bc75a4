//! Logout.

use super::{AuthenticatedUser, TokenIdentity};
use crate::id::UserId;
use crate::session::SessionStore;
use crate::storage::StorageError;
use crate::token::TokenSigner;

/// Revokes the session of the request. Other sessions of the user stay active.
pub async fn logout(
    sessions: &impl SessionStore,
    user: AuthenticatedUser,
) -> Result<(), StorageError> {
    sessions.revoke(user.id, user.session).await
}

/// Revokes the session of a refresh token, and that of the access token in the same request, if it has one. A correctly
/// signed refresh token revokes its session even if it has expired or was replaced; an invalid one revokes nothing and
/// is not an error (RFC 7009, section 2.2). Returns the user of the refresh token; `None` if it is invalid.
pub async fn logout_by_refresh_token(
    sessions: &impl SessionStore,
    refresh: &impl TokenSigner,
    presented: &str,
    access: Option<TokenIdentity>,
) -> Result<Option<UserId>, StorageError> {
    let claims = refresh.verify_ignoring_expiry(presented).ok();
    let by_refresh = claims.map(|claims| (claims.user, claims.session));
    let by_access = access.map(|identity| (identity.user, identity.session));
    if let Some((user, session)) = by_refresh {
        sessions.revoke(user, session).await?;
    }
    // Usually both tokens belong to one session.
    if let Some((user, session)) = by_access.filter(|_| by_access != by_refresh) {
        sessions.revoke(user, session).await?;
    }
    Ok(by_refresh.map(|(user, _)| user))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::Session;
    use crate::testing::FakeSigner;
    use crate::use_cases::test_support::AuthFixture;
    use crate::use_cases::verify_access_token;

    impl AuthFixture {
        /// Logs out with a refresh token, and an access token unless it is empty; returns the user.
        async fn log_out(&self, refresh: &str, access: &str) -> Option<UserId> {
            let access = verify_access_token(&self.tokens.access, &self.clock, access).ok();
            let (sessions, signer) = (&self.sessions, &self.tokens.refresh);
            logout_by_refresh_token(sessions, signer, refresh, access).await.unwrap()
        }

        async fn is_active(&self, session: &Session) -> bool {
            let now = session.created_at;
            self.sessions.find(session.user, session.id, now).await.unwrap().is_some()
        }
    }

    #[tokio::test]
    async fn expired_or_replaced_refresh_token_revokes_its_session() {
        let auth = AuthFixture::new();
        let (other, _) = auth.log_in_new_user().await;
        for (refreshes, wait) in [(0, 0), (1, 0), (2, 0), (0, 8), (2, 8), (0, 400)] {
            let (session, first) = auth.log_in_new_user().await;
            let mut latest = first.clone();
            for _ in 0..refreshes {
                latest = auth.refresh(&latest.refresh).await.unwrap();
            }
            auth.clock.advance(Duration::from_hours(wait * 24));
            let logged_out = auth.log_out(&first.refresh, "").await;
            assert_eq!(logged_out, Some(session.user));
            assert!(!auth.is_active(&session).await, "{refreshes} {wait}");
            // Logging out again changes nothing.
            assert_eq!(auth.log_out(&latest.refresh, "").await, Some(session.user));
        }
        assert!(auth.is_active(&other).await);
    }

    #[tokio::test]
    async fn logout_with_invalid_refresh_token_changes_nothing() {
        let auth = AuthFixture::new();
        let (session, pair) = auth.log_in_new_user().await;
        let claims = auth.tokens.refresh.verify(&pair.refresh, session.created_at).unwrap();
        let foreign = FakeSigner("foreign").sign(&claims).unwrap();
        for token in ["", "garbage", "a.b.c", &pair.access, &foreign] {
            assert_eq!(auth.log_out(token, "").await, None, "{token}");
        }
        assert!(auth.is_active(&session).await);
    }

    #[tokio::test]
    async fn logout_with_both_tokens_revokes_both_sessions() {
        let auth = AuthFixture::new();
        let (phone, phone_pair) = auth.log_in_new_user().await;
        let (laptop, laptop_pair) = auth.log_in_new_user().await;
        auth.log_out(&phone_pair.refresh, &laptop_pair.access).await;
        assert!(!auth.is_active(&phone).await && !auth.is_active(&laptop).await);

        let (session, pair) = auth.log_in_new_user().await;
        assert_eq!(auth.log_out("garbage", &pair.access).await, None);
        assert!(!auth.is_active(&session).await);
    }
}
