//! The token table on whichever technology the settings choose.

use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::idempotency::{IdempotencyOutcome, IdempotencyRecord, IdempotencyStore};
use domain::rate_limit::{Counter, RateLimitStore};
use domain::session::{RefreshTokenState, Rotation, Session, SessionStore};
use domain::storage::StorageError;

use crate::dynamodb::DynamoDbSessions;
use crate::redis::RedisSessions;

/// Sessions where `TOKEN_STORE_URL` says.
#[derive(Debug, Clone)]
pub enum Sessions {
    /// The setting is empty.
    DynamoDb(DynamoDbSessions),
    /// The setting is a `redis://` or `rediss://` URL.
    Redis(Box<RedisSessions>),
}

/// Calls the store that was chosen.
macro_rules! on_either {
    ($self:ident, $sessions:ident => $call:expr) => {
        match $self {
            Self::DynamoDb($sessions) => $call.await,
            Self::Redis($sessions) => $call.await,
        }
    };
}

impl SessionStore for Sessions {
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), StorageError> {
        on_either!(self, sessions => sessions.create(session, now))
    }

    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StorageError> {
        on_either!(self, sessions => sessions.find(user, session, now))
    }

    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshTokenState,
        now: Timestamp,
    ) -> Result<Rotation, StorageError> {
        on_either!(self, sessions => sessions.rotate(user, session, presented, next, now))
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), StorageError> {
        on_either!(self, sessions => sessions.revoke(user, session))
    }

    async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StorageError> {
        on_either!(self, sessions => sessions.list(user, now))
    }

    async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<(), StorageError> {
        on_either!(self, sessions => sessions.revoke_all(user, except))
    }
}

impl IdempotencyStore for Sessions {
    async fn begin(
        &self,
        operation: &IdempotencyRecord,
        resource: &str,
        now: Timestamp,
    ) -> Result<IdempotencyOutcome, StorageError> {
        on_either!(self, sessions => sessions.begin(operation, resource, now))
    }

    async fn finish(
        &self,
        operation: &IdempotencyRecord,
        answer: &str,
    ) -> Result<(), StorageError> {
        on_either!(self, sessions => sessions.finish(operation, answer))
    }

    async fn release(&self, operation: &IdempotencyRecord) -> Result<(), StorageError> {
        on_either!(self, sessions => sessions.release(operation))
    }
}

impl RateLimitStore for Sessions {
    async fn count(&self, counter: &Counter) -> Result<u64, StorageError> {
        on_either!(self, sessions => sessions.count(counter))
    }

    async fn decrement(&self, counter: &Counter) -> Result<(), StorageError> {
        on_either!(self, sessions => sessions.decrement(counter))
    }
}
