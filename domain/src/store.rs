//! The ports to sessions, pictures, counted attempts, and what was asked for before.

use crate::attempt::Counter;
use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::idempotency::{Begun, Operation};
use crate::image::{Image, ImageKey};
use crate::repository::RepositoryError;
use crate::session::{RefreshGrant, Rotation, Session};

/// The token table: who is signed in.
pub trait SessionStore {
    /// Keeps a new session until it expires.
    async fn create(&self, session: &Session, now: Timestamp) -> Result<(), RepositoryError>;

    /// `None` when there is no such session, when it was revoked and when it has expired. Sees
    /// every revocation made before.
    async fn find(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, RepositoryError>;

    /// Exchanges the session's refresh token for `next` if `presented` is the current one: one
    /// atomic compare-and-swap, so of many callers with one token exactly one rotates and the
    /// others are told `Repeated`. An older token revokes the session. Never brings back a session
    /// that was revoked.
    async fn rotate(
        &self,
        user: UserId,
        session: SessionId,
        presented: TokenId,
        next: &RefreshGrant,
        now: Timestamp,
    ) -> Result<Rotation, RepositoryError>;

    /// Ends the session, and only that one; succeeds when it is already over.
    async fn revoke(&self, user: UserId, session: SessionId) -> Result<(), RepositoryError>;

    /// The user's sessions that are not over, in any order. Sees every session created and every
    /// revocation made before.
    async fn list(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, RepositoryError>;

    /// Ends all sessions of the user that were created before, but for `except`.
    async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<(), RepositoryError>;
}

/// Something that is kept where pictures are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// Under which key.
    pub key: String,
    /// Since when.
    pub stored_at: Timestamp,
}

/// Where pictures are kept.
pub trait ImageStore {
    /// Keeps the picture under the key, with its type.
    async fn put(&self, key: &ImageKey, image: &Image) -> Result<(), RepositoryError>;

    /// Removes the picture; succeeds when it is already gone.
    async fn delete(&self, key: &ImageKey) -> Result<(), RepositoryError>;

    /// Some of what is kept, whoever put it there, in the order of keys and from the one that follows
    /// `after`. Empty where nothing follows.
    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredImage>, RepositoryError>;
}

/// What clients asked for with an idempotency key, and what they were answered.
pub trait IdempotencyStore {
    /// Makes the operation the caller's, who will make a thing with the id `resource`, unless it is
    /// done, was begun less than [`LEASE`] ago, or is kept for another request: of many callers at
    /// once, one. What was begun is forgotten after [`KEPT`]. Said twice with one `resource`, because
    /// the answer was lost, it tells the same.
    ///
    /// [`LEASE`]: crate::idempotency::LEASE
    /// [`KEPT`]: crate::idempotency::KEPT
    async fn begin(
        &self,
        operation: &Operation,
        resource: &str,
        now: Timestamp,
    ) -> Result<Begun, RepositoryError>;

    /// Keeps the answer. The first one stays.
    async fn finish(&self, operation: &Operation, answer: &str) -> Result<(), RepositoryError>;

    /// Lets others take over at once: nobody knows whether it was done.
    async fn release(&self, operation: &Operation) -> Result<(), RepositoryError>;
}

/// Counts attempts, so that nobody tries for ever.
pub trait AttemptStore {
    /// Counts one attempt more, and tells how many there are with it: of many at once each is told
    /// another number. Where an answer is lost, one may be counted twice.
    async fn count(&self, counter: &Counter) -> Result<u64, RepositoryError>;

    /// Takes one attempt back; there are never fewer than none.
    async fn give_back(&self, counter: &Counter) -> Result<(), RepositoryError>;
}
