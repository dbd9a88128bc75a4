//! The token table on whichever technology the settings choose.

use domain::attempt::{AttemptStore, Counter};
use domain::clock::Timestamp;
use domain::id::{SessionId, TokenId, UserId};
use domain::idempotency::{Begun, IdempotencyStore, Operation};
use domain::session::{RefreshGrant, Rotation, Session, SessionStore};
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

impl SessionStore for Sessions {
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.create(session, now).await,
            Self::Redis(sessions) => sessions.create(session, now).await,
        }
    }

    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.find(user, session, now).await,
            Self::Redis(sessions) => sessions.find(user, session, now).await,
        }
    }

    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshGrant,
        now: Timestamp,
    ) -> Result<Rotation, StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.rotate(user, session, presented, next, now).await,
            Self::Redis(sessions) => sessions.rotate(user, session, presented, next, now).await,
        }
    }

    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.revoke(user, session).await,
            Self::Redis(sessions) => sessions.revoke(user, session).await,
        }
    }

    async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.list(user, now).await,
            Self::Redis(sessions) => sessions.list(user, now).await,
        }
    }

    async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<(), StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.revoke_all(user, except).await,
            Self::Redis(sessions) => sessions.revoke_all(user, except).await,
        }
    }
}

impl IdempotencyStore for Sessions {
    async fn begin(
        &self,
        operation: &Operation,
        resource: &str,
        now: Timestamp,
    ) -> Result<Begun, StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.begin(operation, resource, now).await,
            Self::Redis(sessions) => sessions.begin(operation, resource, now).await,
        }
    }

    async fn finish(&self, operation: &Operation, answer: &str) -> Result<(), StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.finish(operation, answer).await,
            Self::Redis(sessions) => sessions.finish(operation, answer).await,
        }
    }

    async fn release(&self, operation: &Operation) -> Result<(), StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.release(operation).await,
            Self::Redis(sessions) => sessions.release(operation).await,
        }
    }
}

impl AttemptStore for Sessions {
    async fn count(&self, counter: &Counter) -> Result<u64, StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.count(counter).await,
            Self::Redis(sessions) => sessions.count(counter).await,
        }
    }

    async fn give_back(&self, counter: &Counter) -> Result<(), StorageError> {
        match self {
            Self::DynamoDb(sessions) => sessions.give_back(counter).await,
            Self::Redis(sessions) => sessions.give_back(counter).await,
        }
    }
}
