//! Getting the account of the authenticated user.

use super::authenticate::active_user;
use super::{CheckSessionError, TokenIdentity};
use crate::session::ActiveSessions;
use crate::token::TokenError;
use crate::user::User;

/// Returns the account of the user in a verified token; `Rejected` if it was deleted or the session is not active.
pub async fn get_current_user(
    sessions: &impl ActiveSessions,
    identity: TokenIdentity,
) -> Result<User, CheckSessionError> {
    let TokenIdentity { user, session, at } = identity;
    let (session, account) = sessions.find_with_account(user, session, at).await?;
    let (session, (user, version)) = session.zip(account).ok_or(TokenError::Rejected)?;
    active_user(&session, version)?;
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;
    use crate::use_cases::test_support::AuthFixture;
    use crate::use_cases::verify_access_token;
    use crate::user::UserRepository as _;

    #[tokio::test]
    async fn current_user_is_rejected_once_revoked_or_deleted() {
        let auth = AuthFixture::new();
        let ada = auth.add_user("a hash").await;
        let id = ada.public.id;
        let get = async |token: &str| {
            let caller = verify_access_token(&auth.tokens.access, &auth.clock, token).unwrap();
            get_current_user(&auth.active(), caller).await
        };
        let is_rejected = |error| matches!(error, CheckSessionError::Token(TokenError::Rejected));
        let (_, revoked) = auth.log_in(id).await;
        assert_eq!(get(&revoked.access).await.unwrap(), ada);
        auth.users.increment_credentials_version(id, None).await.unwrap();
        assert!(is_rejected(get(&revoked.access).await.unwrap_err()));
        let (_, active) = auth.log_in(id).await;
        assert_eq!(get(&active.access).await.unwrap(), ada);
        auth.users.delete(id, sample::timestamp()).await.unwrap();
        assert!(is_rejected(get(&active.access).await.unwrap_err()));
    }
}
