//! Getting the account of the authenticated user.

use super::{CheckSessionError, TokenIdentity};
use crate::token::TokenError;
use crate::user::{User, UserRepository};

/// Returns the account of the user in a verified token; `Rejected` if it was deleted. The caller must also check
/// the session.
pub async fn get_current_user(
    users: &impl UserRepository,
    caller: TokenIdentity,
) -> Result<User, CheckSessionError> {
    Ok(users.find_account(caller.user).await?.ok_or(TokenError::Rejected)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::PasswordHash;
    use crate::testing::{MemoryUsers, sample, unavailable};
    use crate::use_cases::test_support::AuthFixture;
    use crate::use_cases::verify_access_token;

    #[tokio::test]
    async fn current_user_is_rejected_once_the_account_is_deleted() {
        let (auth, users, ada) = (AuthFixture::new(), MemoryUsers::default(), sample::user());
        let (_, pair) = auth.log_in(ada.public.id).await;
        let caller = verify_access_token(&auth.tokens.access, &auth.clock, &pair.access).unwrap();
        let deleted = get_current_user(&users, caller).await;
        assert!(matches!(deleted, Err(CheckSessionError::Token(TokenError::Rejected))));
        users.create(&ada, &PasswordHash::new("a hash".to_owned())).await.unwrap();
        assert_eq!(get_current_user(&users, caller).await.unwrap(), ada);
        let failed = get_current_user(&unavailable(&users), caller).await;
        assert!(matches!(failed, Err(CheckSessionError::Storage(_))));
    }
}
