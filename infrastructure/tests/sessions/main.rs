//! Tests the contracts of sessions, rate limits and idempotency records on Valkey and on `DynamoDB`, and rules of
//! only one of these stores.

#![allow(clippy::unwrap_used, reason = "a test stops here")]

mod dynamodb;
mod valkey;

use std::time::Duration;

use domain::clock::Timestamp;
use domain::id::UserId;
use domain::session::{ActiveSessions, RefreshTokenState, Rotation, Session, SessionStore};
use domain::storage::StorageError;
use domain::testing::contracts::active_sessions::Stores;
use domain::user::UserRepository;
use engines::Engines;
use infrastructure::dynamodb::DynamoDbUsers;
use infrastructure::sessions::{Sessions, UserSessions};

const LIFETIME: Duration = Duration::from_hours(1);

fn begin(now: Timestamp) -> Session {
    Session::begin(UserId::new(now), 0, now, LIFETIME, None)
}

async fn rotate(
    sessions: &impl SessionStore,
    session: &Session,
    now: Timestamp,
) -> (RefreshTokenState, Result<Rotation, StorageError>) {
    let next = RefreshTokenState::new(now, LIFETIME);
    let presented = session.refresh.token;
    let rotation = sessions.rotate(session.user, session.id, presented, &next, now).await;
    (next, rotation)
}

async fn find(
    sessions: &impl SessionStore,
    session: &Session,
    now: Timestamp,
) -> Result<Option<Session>, StorageError> {
    sessions.find(session.user, session.id, now).await
}

/// Users on `DynamoDB` with their sessions on either store.
struct Accounts {
    users: DynamoDbUsers,
    sessions: Sessions,
}

impl Stores for Accounts {
    fn users(&self) -> &impl UserRepository {
        &self.users
    }

    fn sessions(&self) -> &impl SessionStore {
        &self.sessions
    }

    fn active(&self) -> impl ActiveSessions {
        UserSessions { users: &self.users, sessions: &self.sessions }
    }
}

async fn users_on(engines: &Engines) -> DynamoDbUsers {
    DynamoDbUsers::new(engines.aws().dynamodb(), engines.tables().await.users)
}

fn assert_corrupt<T: std::fmt::Debug>(result: Result<T, StorageError>, case: &str) {
    let error = result.expect_err(case);
    assert!(matches!(error, StorageError::Corrupt(_)), "{case}: {error}");
}
