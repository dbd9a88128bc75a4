//! Sessions and the rotation of refresh tokens.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;
use crate::user::User;

/// The maximum number of active sessions of a user. A login revokes the oldest above it.
pub const MAX_SESSIONS: usize = 50;

/// The current refresh token of a session, without its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshTokenState {
    /// The id of the token.
    pub token: TokenId,
    /// The time of issue, in whole seconds.
    pub issued_at: Timestamp,
    /// The time of expiry, in whole seconds.
    pub expires_at: Timestamp,
}

impl RefreshTokenState {
    /// Generates a token that is valid from `now` for `lifetime`.
    pub fn new(now: Timestamp, lifetime: Duration) -> Self {
        Self {
            token: TokenId::new(now),
            issued_at: now.whole_seconds(),
            expires_at: now.whole_seconds().plus(lifetime),
        }
    }
}

/// The refresh token before the last rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousToken {
    /// The id of the token.
    pub token: TokenId,
    /// The time when the token was replaced.
    pub at: Timestamp,
}

/// A session, created by one login. It lasts until its refresh token expires or it is revoked, alone or by a newer
/// credentials version of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The id of the session.
    pub id: SessionId,
    /// The user who logged in.
    pub user: UserId,
    /// The user's credentials version at login; see [`UserRepository`](crate::user::UserRepository).
    pub credentials_version: u64,
    /// The id and expiry of the current refresh token.
    pub refresh: RefreshTokenState,
    /// The previous refresh token; `None` before the first rotation.
    pub previous: Option<PreviousToken>,
    /// The time of login.
    pub created_at: Timestamp,
    /// The browser or program that logged in, as in the header `User-Agent`; `None` without the header.
    pub user_agent: Option<UserAgent>,
}

impl Session {
    /// Creates a session with new ids, starting at `now`.
    pub fn begin(
        user: UserId,
        credentials_version: u64,
        now: Timestamp,
        lifetime: Duration,
        user_agent: Option<UserAgent>,
    ) -> Self {
        Self {
            id: SessionId::new(now),
            user,
            credentials_version,
            refresh: RefreshTokenState::new(now, lifetime),
            previous: None,
            created_at: now,
            user_agent,
        }
    }

    /// Returns whether the session has expired at `now`.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.refresh.expires_at <= now
    }

    /// Returns whether `presented` is the previous token. Its successor, the current token, was never used.
    pub fn is_previous(&self, presented: TokenId) -> bool {
        self.previous.as_ref().is_some_and(|previous| previous.token == presented)
    }

    /// Returns whether the session is active at `now`, if `credentials_version` is that of its user.
    pub fn is_active(&self, credentials_version: u64, now: Timestamp) -> bool {
        self.credentials_version == credentials_version && !self.has_expired(now)
    }

    /// Returns the session after a rotation: `next` is the current token, the current one the previous.
    #[must_use]
    pub fn rotated(&self, next: RefreshTokenState, now: Timestamp) -> Self {
        Self {
            previous: Some(PreviousToken { token: self.refresh.token, at: now }),
            refresh: next,
            ..self.clone()
        }
    }
}

/// The header `User-Agent`, cut to 256 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// The maximum length of the text in characters.
    pub const MAX_CHARS: usize = 256;

    /// Trims the header and cuts it to [`Self::MAX_CHARS`] characters; `None` if nothing remains.
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        let end = raw.char_indices().nth(Self::MAX_CHARS);
        // White space before the cut is trimmed too, so that parsing the stored text changes nothing.
        let text = end.map_or(raw, |(end, _)| raw[..end].trim_end());
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Returns the text of the header, trimmed and cut.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The result of [`SessionStore::rotate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The current token was presented and rotated. Returns the updated session.
    Rotated(Session),
    /// The previous token was presented: its response was lost, or two tabs refresh concurrently. Returns the
    /// unchanged session.
    Replayed(Session),
    /// An older token was presented; it may be stolen, so the session was revoked (RFC 9700, section 4.14).
    Reused,
    /// The session does not exist, was revoked or has expired.
    SessionNotFound,
}

/// Port: stored sessions. Redis and DynamoDB implement it. All reads are strongly consistent. The store does not
/// compare credentials versions: a stored session may be revoked (see [`ActiveSessions`]).
pub trait SessionStore {
    /// Stores a new session until its refresh token expires.
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), StorageError>;

    /// Returns the session; `None` if it does not exist or has expired.
    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StorageError>;

    /// Replaces the refresh token by `next` if `presented` is the current one (atomic compare-and-swap).
    /// The previous token returns `Replayed` until the current one is used, so of concurrent calls with one token
    /// one returns `Rotated` and the others `Replayed`. An older token revokes the session. Never restores a revoked
    /// session.
    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshTokenState,
        now: Timestamp,
    ) -> Result<Rotation, StorageError>;

    /// Revokes one session of the user. Idempotent: succeeds if the session does not exist.
    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), StorageError>;

    /// Lists the stored sessions of the user, newest first. They may have expired.
    async fn list(
        &self,
        user: UserId,
        page: PageRequest<SessionId>,
    ) -> Result<Page<Session>, StorageError>;
}

/// Port: sessions together with the credentials version of their users.
pub trait ActiveSessions {
    /// Returns the session, and the credentials version of the user; see [`SessionStore::find`] and
    /// [`UserRepository::find_credentials_version`]. The session is active if its version is that of the user.
    ///
    /// [`UserRepository::find_credentials_version`]: crate::user::UserRepository::find_credentials_version
    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(Option<Session>, Option<u64>), StorageError>;

    /// Like [`find`](Self::find), but returns the whole account of the user with its credentials version.
    async fn find_with_account(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(Option<Session>, Option<(User, u64)>), StorageError>;

    /// Revokes all sessions of the user except `kept` with one write of the user. Returns `false` and revokes
    /// nothing if `credentials_version` is not the version of the user and of `kept`. If the call fails, the session
    /// `kept` may be revoked too.
    async fn revoke_others(
        &self,
        user: UserId,
        kept: SessionId,
        credentials_version: u64,
    ) -> Result<bool, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_792_002_005_000 + millis).unwrap()
    }

    #[test]
    fn session_expires_with_its_refresh_token() {
        let session = Session::begin(UserId::new(at(0)), 0, at(0), Duration::from_mins(1), None);
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
