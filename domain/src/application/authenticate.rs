//! Who makes a request: a token that is ours, and a session that is not over.

use thiserror::Error;

use crate::clock::{Clock, Timestamp};
use crate::id::{SessionId, UserId};
use crate::session::SessionStore;
use crate::storage::StorageError;
use crate::token::{TokenError, TokenSigner};

/// Who an access token says is calling, before anybody looked whether the session is over: enough
/// to read for, too little to write for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Who it is.
    pub user: UserId,
    session: SessionId,
    at: Timestamp,
}

/// Somebody signed in, by which login. Only [`authenticate`] makes one, so what takes one happens
/// after the session was seen to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn {
    pub(super) user: UserId,
    pub(super) session: SessionId,
}

/// Why a request is nobody's.
#[derive(Debug, Error)]
pub enum AuthenticateError {
    /// See [`TokenError`]; `Refused` also when the session is over.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// Checks the access token. Asks nobody.
pub fn identify(
    access: &impl TokenSigner,
    clock: &impl Clock,
    token: &str,
) -> Result<Caller, TokenError> {
    if token.is_empty() {
        return Err(TokenError::Missing);
    }
    let at = clock.now();
    let claims = access.verify(token, at)?;
    Ok(Caller {
        user: claims.user,
        session: claims.session,
        at,
    })
}

/// Checks that the caller's session still lives: logging out takes effect at once.
pub async fn authenticate(
    sessions: &impl SessionStore,
    caller: Caller,
) -> Result<SignedIn, AuthenticateError> {
    let Caller { user, session, at } = caller;
    sessions
        .find(user, session, at)
        .await?
        .ok_or(TokenError::Refused)?;
    Ok(SignedIn { user, session })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::test_support::{by_token, issuer};
    use crate::session::Session;
    use crate::testing::{FixedClock, MemorySessions, PlainSigner, sample};
    use crate::token::{TokenIssuer, TokenPair};

    async fn begin(
        sessions: &MemorySessions,
        clock: &FixedClock,
        tokens: &TokenIssuer<PlainSigner>,
    ) -> (Session, TokenPair) {
        let user = UserId::new(sample::moment());
        let session = Session::begin(user, clock.now(), tokens.lifetimes.refresh, None);
        sessions.create(&session, clock.now()).await.unwrap();
        let pair = tokens.issue(&session, clock.now()).unwrap();
        (session, pair)
    }

    fn why(outcome: Result<SignedIn, AuthenticateError>) -> TokenError {
        match outcome {
            Err(AuthenticateError::Token(error)) => error,
            other => panic!("no matter of tokens: {other:?}"),
        }
    }

    #[tokio::test]
    async fn an_access_token_tells_who_and_by_which_login() {
        let (sessions, clock, tokens) =
            (MemorySessions::default(), FixedClock::default(), issuer());
        let (session, pair) = begin(&sessions, &clock, &tokens).await;
        let who = by_token(&sessions, &tokens.access, &clock, &pair.access).await;
        let expected = SignedIn {
            user: session.user,
            session: session.id,
        };
        assert_eq!(who.unwrap(), expected);
    }

    #[tokio::test]
    async fn an_access_token_expires_to_the_millisecond() {
        let (sessions, clock, tokens) =
            (MemorySessions::default(), FixedClock::default(), issuer());
        let (_, pair) = begin(&sessions, &clock, &tokens).await;
        clock.advance(Duration::from_millis(15 * 60 * 1_000 - 1));
        let in_time = by_token(&sessions, &tokens.access, &clock, &pair.access).await;
        assert!(in_time.is_ok());
        clock.advance(Duration::from_millis(1));
        let late = by_token(&sessions, &tokens.access, &clock, &pair.access).await;
        assert_eq!(why(late), TokenError::Expired);
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_read_is_malformed() {
        let sessions = MemorySessions::default();
        for (token, expected) in [
            ("", TokenError::Missing),
            ("undefined", TokenError::Malformed),
            ("access|1|2|3|4|5", TokenError::Malformed),
        ] {
            let clock = FixedClock::default();
            let refused = by_token(&sessions, &PlainSigner("access"), &clock, token).await;
            assert_eq!(why(refused), expected, "{token}");
        }
    }

    #[tokio::test]
    async fn a_refresh_token_or_one_signed_by_others_is_refused() {
        let (sessions, clock, tokens) =
            (MemorySessions::default(), FixedClock::default(), issuer());
        let (_, pair) = begin(&sessions, &clock, &tokens).await;
        let refused = by_token(&sessions, &tokens.access, &clock, &pair.refresh).await;
        assert_eq!(why(refused), TokenError::Refused);
        let others = PlainSigner("theirs");
        let refused = by_token(&sessions, &others, &clock, &pair.access).await;
        assert_eq!(why(refused), TokenError::Refused);
    }

    #[tokio::test]
    async fn a_token_without_a_living_session_is_refused() {
        let (sessions, clock, mut tokens) =
            (MemorySessions::default(), FixedClock::default(), issuer());
        tokens.lifetimes.access = tokens.lifetimes.refresh * 2;

        let (session, pair) = begin(&sessions, &clock, &tokens).await;
        sessions.revoke(session.user, session.id).await.unwrap();
        let refused = by_token(&sessions, &tokens.access, &clock, &pair.access).await;
        assert_eq!(why(refused), TokenError::Refused);

        let (_, pair) = begin(&sessions, &clock, &tokens).await;
        clock.advance(tokens.lifetimes.refresh);
        let refused = by_token(&sessions, &tokens.access, &clock, &pair.access).await;
        assert_eq!(why(refused), TokenError::Refused);
    }
}
