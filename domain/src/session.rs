//! Sessions and what refreshing one can lead to.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::storage::StorageError;

/// How long the token before the current one may still be presented: two tabs that refresh at
/// once, or a client whose answer was lost, do not lose their session.
pub const REFRESH_GRACE: Duration = Duration::from_secs(10);

/// Which refresh token is current, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshTokenState {
    /// Which token it is.
    pub token: TokenId,
    /// From when it counts, to the second.
    pub issued_at: Timestamp,
    /// When it ends, to the second.
    pub expires_at: Timestamp,
}

impl RefreshTokenState {
    /// A new token that counts from `now`.
    pub fn new(now: Timestamp, lifetime: Duration) -> Self {
        Self {
            token: TokenId::new(now),
            issued_at: now.whole_seconds(),
            expires_at: now.whole_seconds().plus(lifetime),
        }
    }
}

/// The refresh token before the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousToken {
    /// Which token it was.
    pub token: TokenId,
    /// When the current one took its place.
    pub at: Timestamp,
}

/// One login of one user. It ends when its refresh token does, or when it is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Which login it is.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The current refresh token.
    pub refresh: RefreshTokenState,
    /// The one before, once there was a refresh.
    pub previous: Option<PreviousToken>,
    /// When the user logged in.
    pub created_at: Timestamp,
    /// With what the user logged in, as the client says.
    pub user_agent: Option<UserAgent>,
}

impl Session {
    /// Begins a session at `now`.
    pub fn begin(
        user: UserId,
        now: Timestamp,
        lifetime: Duration,
        user_agent: Option<UserAgent>,
    ) -> Self {
        Self {
            id: SessionId::new(now),
            user,
            refresh: RefreshTokenState::new(now, lifetime),
            previous: None,
            created_at: now,
            user_agent,
        }
    }

    /// Whether the session is over at `now`.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.refresh.expires_at <= now
    }

    /// Whether `presented` is the token before the current one, and its grace is not over.
    pub fn is_in_grace(&self, presented: TokenId, now: Timestamp) -> bool {
        self.previous.as_ref().is_some_and(|previous| {
            previous.token == presented && now.since(previous.at) <= REFRESH_GRACE
        })
    }

    /// The session after its current token was exchanged for `next`.
    #[must_use]
    pub fn rotated(&self, next: RefreshTokenState, now: Timestamp) -> Self {
        Self {
            previous: Some(PreviousToken {
                token: self.refresh.token,
                at: now,
            }),
            refresh: next,
            ..self.clone()
        }
    }
}

/// What a client calls itself; no more than its first 256 characters are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// How much of it is kept.
    pub const MAX_CHARS: usize = 256;

    /// `None` for an empty text.
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        let end = raw.char_indices().nth(Self::MAX_CHARS);
        // Also what stands at the cut is trimmed, so that what is stored reads back the same.
        let text = end.map_or(raw, |(end, _)| raw[..end].trim_end());
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// What the client calls itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The outcome of rotating a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The token was the current one and was rotated: the session as it is now.
    Rotated(Session),
    /// The token was the previous one, used again within [`REFRESH_GRACE`]: the session, unchanged.
    Replayed(Session),
    /// The token was an older one, so it may have been stolen. The session is revoked (RFC 9700,
    /// section 4.14).
    Reused,
    /// The session does not exist, was revoked or has expired.
    SessionNotFound,
}

/// The token table: who is signed in.
pub trait SessionStore {
    /// Keeps a new session until it expires.
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), StorageError>;

    /// `None` when there is no such session, when it was revoked and when it has expired. Sees
    /// every revocation made before.
    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StorageError>;

    /// Exchanges the session's refresh token for `next` if `presented` is the current one: one
    /// atomic compare-and-swap, so of many callers with one token exactly one rotates and the
    /// others are told `Repeated`. An older token revokes the session. Never brings back a session
    /// that was revoked.
    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshTokenState,
        now: Timestamp,
    ) -> Result<Rotation, StorageError>;

    /// Ends the session, and only that one; succeeds when it is already over.
    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), StorageError>;

    /// The user's sessions that are not over, in any order. Sees every session created and every
    /// revocation made before.
    async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StorageError>;

    /// Ends all sessions of the user that were created before, but for `except`.
    async fn revoke_all(&self, user: UserId, except: Option<SessionId>)
    -> Result<(), StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_792_002_005_000 + millis).unwrap()
    }

    #[test]
    fn session_expires_with_its_refresh_token() {
        let session = Session::begin(UserId::new(at(0)), at(0), Duration::from_mins(1), None);
        assert!(!session.has_expired(at(59_999)));
        assert!(session.has_expired(at(60_000)));
    }

    #[test]
    fn user_agent_is_trimmed_and_cut_to_256_characters() {
        let parse = |raw: &str| UserAgent::parse(raw).map(|agent| agent.0);
        assert_eq!(parse("  "), None);
        assert_eq!(parse(&"é".repeat(300)), Some("é".repeat(256)));
        let space_at_the_cut = format!("{} {}", "a".repeat(255), "b".repeat(9));
        assert_eq!(parse(&space_at_the_cut), Some("a".repeat(255)));
    }
}
