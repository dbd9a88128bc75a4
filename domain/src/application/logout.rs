//! Signing out.

use super::SignedIn;
use crate::session::SessionStore;
use crate::storage::StorageError;

/// Ends this login, and only this one.
pub async fn logout(sessions: &impl SessionStore, signed_in: SignedIn) -> Result<(), StorageError> {
    sessions.revoke(signed_in.user, signed_in.session).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::test_support::AuthFixture;
    use crate::application::{AuthenticateError, RefreshError};
    use crate::id::UserId;
    use crate::testing::sample;
    use crate::token::TokenError;

    #[tokio::test]
    async fn logout_revokes_this_session_and_no_other() {
        let auth = AuthFixture::new();
        let ada = UserId::new(sample::moment());
        let (_, phone) = auth.log_in(ada).await;
        let (_, laptop) = auth.log_in(ada).await;
        let who = auth.authenticate(&phone.access).await.unwrap();
        for _ in 0..2 {
            logout(&auth.sessions, who).await.unwrap();
        }
        assert!(matches!(
            auth.authenticate(&phone.access).await,
            Err(AuthenticateError::Token(TokenError::Refused))
        ));
        assert!(matches!(
            auth.refresh(&phone.refresh).await,
            Err(RefreshError::Token(TokenError::Refused))
        ));
        assert!(auth.authenticate(&laptop.access).await.is_ok());
        assert!(auth.refresh(&laptop.refresh).await.is_ok());
        assert_eq!(auth.sessions.count(), 1);
    }
}
