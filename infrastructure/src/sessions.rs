//! The session store that `TOKEN_STORE_URL` selects, and its sessions together with their users.

use std::time::Duration;

use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::idempotency::{IdempotencyOutcome, IdempotencyRecord, IdempotencyStore};
use domain::page::{Page, PageRequest};
use domain::rate_limit::{Attempt, CountOutcome, Counter, RateLimitStore};
use domain::session::{ActiveSessions, RefreshTokenState, Rotation, Session, SessionStore};
use domain::storage::StorageError;
use domain::user::{User, UserRepository as _};
use futures_util::future::join;

use crate::dynamodb::{self, DynamoDbSessions, DynamoDbUsers, Projection};
use crate::redis::RedisSessions;

/// The store of sessions, idempotency records and rate limits that `TOKEN_STORE_URL` selects.
#[derive(Debug, Clone)]
pub enum Sessions {
    /// The `DynamoDB` table, if `TOKEN_STORE_URL` is empty.
    DynamoDb(DynamoDbSessions),
    /// The Redis server, if `TOKEN_STORE_URL` is a `redis://` or `rediss://` URL.
    Redis(Box<RedisSessions>),
}

/// Calls a method of the selected store.
macro_rules! delegate {
    ($self:ident, $sessions:ident => $call:expr) => {
        match $self {
            Self::DynamoDb($sessions) => $call.await,
            Self::Redis($sessions) => $call.await,
        }
    };
}

impl SessionStore for Sessions {
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), StorageError> {
        delegate!(self, sessions => sessions.create(session, now))
    }

    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StorageError> {
        delegate!(self, sessions => sessions.find(user, session, now))
    }

    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshTokenState,
        now: Timestamp,
    ) -> Result<Rotation, StorageError> {
        delegate!(self, sessions => sessions.rotate(user, session, presented, next, now))
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), StorageError> {
        delegate!(self, sessions => sessions.revoke(user, session))
    }

    async fn list(
        &self,
        user: UserId,
        page: PageRequest<SessionId>,
    ) -> Result<Page<Session>, StorageError> {
        delegate!(self, sessions => sessions.list(user, page))
    }
}

/// Sessions together with their users.
#[derive(Debug, Clone, Copy)]
pub struct UserSessions<'a> {
    /// The users.
    pub users: &'a DynamoDbUsers,
    /// The sessions.
    pub sessions: &'a Sessions,
}

impl UserSessions<'_> {
    /// Reads a session and a part of the account of its user.
    async fn find_with<T>(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
        part: &Projection<T>,
    ) -> Result<(Option<Session>, Option<T>), StorageError> {
        match self.sessions {
            Sessions::DynamoDb(sessions) => {
                sessions.find_with(self.users, part, user, session, now).await
            }
            Sessions::Redis(sessions) => {
                let (session, account) = join(
                    Box::pin(sessions.find(user, session, now)),
                    Box::pin(self.users.find_part(user, part)),
                )
                .await;
                Ok((session?, account?))
            }
        }
    }
}

impl ActiveSessions for UserSessions<'_> {
    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(Option<Session>, Option<u64>), StorageError> {
        self.find_with(user, session, now, &dynamodb::VERSION).await
    }

    async fn find_with_account(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(Option<Session>, Option<(User, u64)>), StorageError> {
        self.find_with(user, session, now, &dynamodb::ACCOUNT).await
    }

    async fn revoke_others(
        &self,
        user: UserId,
        kept: SessionId,
        credentials_version: u64,
    ) -> Result<bool, StorageError> {
        match self.sessions {
            Sessions::DynamoDb(sessions) => {
                sessions.revoke_others(self.users, user, kept, credentials_version).await
            }
            Sessions::Redis(sessions) => {
                let expected = Some(credentials_version);
                let revoked = self.users.increment_credentials_version(user, expected).await?;
                if revoked {
                    // If this fails, the session is revoked like all others: the user has to log in again.
                    sessions.increment_version(user, kept, credentials_version).await?;
                }
                Ok(revoked)
            }
        }
    }
}

impl IdempotencyStore for Sessions {
    async fn begin(
        &self,
        record: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError> {
        delegate!(self, sessions => sessions.begin(record, resource, now))
    }

    async fn finish(&self, record: &IdempotencyRecord, response: &str) -> Result<(), StorageError> {
        delegate!(self, sessions => sessions.finish(record, response))
    }

    async fn release(&self, record: &IdempotencyRecord) -> Result<(), StorageError> {
        delegate!(self, sessions => sessions.release(record))
    }

    async fn forget(&self, record: &IdempotencyRecord, resource: &str) -> Result<(), StorageError> {
        delegate!(self, sessions => sessions.forget(record, resource))
    }
}

impl RateLimitStore for Sessions {
    async fn count(
        &self,
        counter: &Counter,
        limit: u64,
        attempt: Attempt,
    ) -> Result<CountOutcome, StorageError> {
        delegate!(self, sessions => sessions.count(counter, limit, attempt))
    }

    async fn settle(&self, counter: &Counter) -> Result<(), StorageError> {
        delegate!(self, sessions => sessions.settle(counter))
    }

    async fn refund(&self, counter: &Counter, attempt: Attempt) -> Result<(), StorageError> {
        delegate!(self, sessions => sessions.refund(counter, attempt))
    }

    async fn wait(&self, longest: Duration) {
        sleep_with_jitter(longest).await;
    }
}

/// Sleeps for half of `longest` to all of it.
pub(crate) async fn sleep_with_jitter(longest: Duration) {
    tokio::time::sleep(longest.mul_f64(f64::midpoint(1.0, fastrand::f64()))).await;
}
