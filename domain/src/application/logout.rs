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
    use crate::application::test_support::{self, by_token, issuer};
    use crate::application::{AuthenticateError, RefreshError, refresh};
    use crate::clock::Clock;
    use crate::id::UserId;
    use crate::session::Session;
    use crate::testing::{FixedClock, MemorySessions, sample};
    use crate::token::{TokenError, TokenPair};

    async fn signed_in(
        sessions: &MemorySessions,
        clock: &FixedClock,
        user: UserId,
    ) -> (SignedIn, TokenPair) {
        let tokens = issuer();
        let session = Session::begin(user, clock.now(), tokens.lifetimes.refresh, None);
        sessions.create(&session, clock.now()).await.unwrap();
        let pair = tokens.issue(&session, clock.now()).unwrap();
        let who = by_token(sessions, &tokens.access, clock, &pair.access).await;
        (who.unwrap(), pair)
    }

    #[tokio::test]
    async fn logging_out_ends_this_login_at_once_and_for_good() {
        let (sessions, clock, tokens) =
            (MemorySessions::default(), FixedClock::default(), issuer());
        let ada = UserId::new(sample::moment());
        let (who, pair) = signed_in(&sessions, &clock, ada).await;
        logout(&sessions, who).await.unwrap();

        let refused = by_token(&sessions, &tokens.access, &clock, &pair.access).await;
        assert!(matches!(
            refused,
            Err(AuthenticateError::Token(TokenError::Refused))
        ));
        for _ in 0..2 {
            let refused = refresh(&sessions, &tokens, &clock, &pair.refresh).await;
            assert!(matches!(
                refused,
                Err(RefreshError::Token(TokenError::Refused))
            ));
        }
        assert_eq!(sessions.count(), 0);
    }

    #[tokio::test]
    async fn logging_out_ends_no_other_login() {
        let (sessions, clock, tokens) =
            (MemorySessions::default(), FixedClock::default(), issuer());
        let ada = UserId::new(sample::moment());
        let (phone, _) = signed_in(&sessions, &clock, ada).await;
        let (laptop, laptop_pair) = signed_in(&sessions, &clock, ada).await;
        let eve = UserId::new(sample::moment());
        let (_, eves_pair) = signed_in(&sessions, &clock, eve).await;
        logout(&sessions, phone).await.unwrap();

        let who = by_token(&sessions, &tokens.access, &clock, &laptop_pair.access).await;
        assert_eq!(who.unwrap(), laptop);
        for pair in [laptop_pair, eves_pair] {
            let next = refresh(&sessions, &tokens, &clock, &pair.refresh).await;
            assert!(next.is_ok());
        }
    }

    #[tokio::test]
    async fn logging_out_twice_is_fine() {
        let sessions = MemorySessions::default();
        let who = test_support::signed_in(UserId::new(sample::moment()));
        for _ in 0..2 {
            logout(&sessions, who).await.unwrap();
        }
    }
}
