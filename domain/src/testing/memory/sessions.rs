//! [`SessionStore`] in memory.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use super::{MemoryRateLimits, MemoryUsers, lock, page};
use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::page::{Page, PageRequest};
use crate::rate_limit::{Attempt, CountOutcome, Counter, RateLimitStore};
use crate::session::{ActiveSessions, RefreshTokenState, Rotation, Session, SessionStore};
use crate::storage::StorageError;
use crate::user::{User, UserRepository as _};

/// A [`SessionStore`] and [`RateLimitStore`] in memory.
#[derive(Debug, Default)]
pub struct MemorySessions {
    sessions: Mutex<HashMap<(UserId, SessionId), Session>>,
    /// The rate-limit counters.
    pub attempts: MemoryRateLimits,
}

impl MemorySessions {
    /// Returns the number of sessions, including expired ones.
    pub fn count(&self) -> usize {
        lock(&self.sessions).len()
    }
}

impl SessionStore for MemorySessions {
    async fn create(&self, session: &Session, _now: Timestamp) -> Result<(), StorageError> {
        lock(&self.sessions).insert((session.user, session.id), session.clone());
        Ok(())
    }

    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StorageError> {
        Ok(lock(&self.sessions)
            .get(&(user, session))
            .filter(|session| !session.has_expired(now))
            .cloned())
    }

    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshTokenState,
        now: Timestamp,
    ) -> Result<Rotation, StorageError> {
        let mut sessions = lock(&self.sessions);
        let Some(stored) =
            sessions.get_mut(&(user, session)).filter(|stored| !stored.has_expired(now))
        else {
            return Ok(Rotation::SessionNotFound);
        };
        if stored.refresh.token == presented {
            *stored = stored.rotated(next.clone(), now);
            return Ok(Rotation::Rotated(stored.clone()));
        }
        if stored.is_previous(presented) {
            return Ok(Rotation::Replayed(stored.clone()));
        }
        sessions.remove(&(user, session));
        Ok(Rotation::Reused)
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), StorageError> {
        lock(&self.sessions).remove(&(user, session));
        Ok(())
    }

    async fn list(
        &self,
        user: UserId,
        request: PageRequest<SessionId>,
    ) -> Result<Page<Session>, StorageError> {
        let sessions = lock(&self.sessions);
        let mut stored: Vec<_> = sessions.values().filter(|session| session.user == user).collect();
        stored.sort_by_key(|session| std::cmp::Reverse(session.id));
        let entries = stored.into_iter().map(|session| (session.id, session.clone()));
        Ok(page(entries, request, |id, after| id < after))
    }
}

/// [`ActiveSessions`] in memory.
#[derive(Debug, Clone, Copy)]
pub struct MemoryActiveSessions<'a> {
    /// The users.
    pub users: &'a MemoryUsers,
    /// Their sessions.
    pub sessions: &'a MemorySessions,
}

impl ActiveSessions for MemoryActiveSessions<'_> {
    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(Option<Session>, Option<u64>), StorageError> {
        let session = self.sessions.find(user, session, now).await?;
        Ok((session, self.users.find_credentials_version(user).await?))
    }

    async fn find_with_account(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(Option<Session>, Option<(User, u64)>), StorageError> {
        let (session, version) = self.find(user, session, now).await?;
        Ok((session, self.users.account(user).zip(version)))
    }

    async fn revoke_others(
        &self,
        user: UserId,
        kept: SessionId,
        credentials_version: u64,
    ) -> Result<bool, StorageError> {
        let expected = Some(credentials_version);
        let mut sessions = lock(&self.sessions.sessions);
        let Some(kept) = sessions
            .get_mut(&(user, kept))
            .filter(|session| session.credentials_version == credentials_version)
        else {
            return Ok(false);
        };
        let is_revoked = self.users.increment(user, expected);
        kept.credentials_version += u64::from(is_revoked);
        Ok(is_revoked)
    }
}

impl RateLimitStore for MemorySessions {
    async fn count(
        &self,
        counter: &Counter,
        limit: u64,
        attempt: Attempt,
    ) -> Result<CountOutcome, StorageError> {
        self.attempts.count(counter, limit, attempt).await
    }

    async fn settle(&self, counter: &Counter) -> Result<(), StorageError> {
        self.attempts.settle(counter).await
    }

    async fn refund(&self, counter: &Counter, attempt: Attempt) -> Result<(), StorageError> {
        self.attempts.refund(counter, attempt).await
    }

    async fn wait(&self, longest: Duration) {
        self.attempts.wait(longest).await;
    }
}
