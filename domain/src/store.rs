//! The ports to sessions and pictures.

use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
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
}

/// Where pictures are kept.
pub trait ImageStore {
    /// Keeps the picture under the key, with its type.
    async fn put(&self, key: &ImageKey, image: &Image) -> Result<(), RepositoryError>;

    /// Removes the picture; succeeds when it is already gone.
    async fn delete(&self, key: &ImageKey) -> Result<(), RepositoryError>;
}
