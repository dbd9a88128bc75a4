//! The ports to sessions, pictures, counted attempts, and what was asked for before.

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use crate::attempt::Counter;
use crate::clock::Timestamp;
use crate::id::{SessionId, TokenId, UserId};
use crate::idempotency::{Begun, Operation};
use crate::image::{Image, ImageKey, NewUpload, Size, Upload, UploadKey, VariantKey, VariantKind};
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

    /// Removes the picture and all its variants; succeeds when they are already gone.
    async fn delete(&self, key: &ImageKey) -> Result<(), RepositoryError>;

    /// Some of what is kept, whoever put it there, in the order of keys and from the one that follows
    /// `after`. Empty where nothing follows.
    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredImage>, RepositoryError>;
}

/// Where pictures are before they belong to a food.
pub trait UploadStore {
    /// What was uploaded under the key, at most one byte more of it than `max_bytes`; `None` when nothing
    /// was.
    async fn find_upload(
        &self,
        key: &UploadKey,
        max_bytes: usize,
    ) -> Result<Option<Upload>, RepositoryError>;

    /// Removes it; succeeds when it is already gone.
    async fn delete_upload(&self, key: &UploadKey) -> Result<(), RepositoryError>;
}

/// Leave to upload one thing, for somebody who may not do anything else there.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUpload {
    /// Where to post a form to.
    pub url: String,
    /// What the form says, in this order, before its last field, `file`.
    pub fields: Vec<(String, String)>,
}

/// Gives leave to upload.
pub trait UploadSigner {
    /// Leave to upload exactly this under the key, until `lifetime` is over. Asks nobody.
    fn sign(
        &self,
        key: &UploadKey,
        upload: &NewUpload,
        now: Timestamp,
        lifetime: Duration,
    ) -> SignedUpload;
}

/// Where the variants of pictures are kept.
pub trait VariantStore {
    /// The bytes of the picture itself; `None` when it is gone.
    async fn find_image(&self, key: &ImageKey) -> Result<Option<Bytes>, RepositoryError>;

    /// Keeps the variant under the key, with its type.
    async fn put_variant(&self, key: &VariantKey, bytes: Bytes) -> Result<(), RepositoryError>;
}

/// One smaller one of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// How large it is.
    pub size: Size,
    /// What it is.
    pub kind: VariantKind,
    /// The file.
    pub bytes: Bytes,
}

/// Why there are no variants of a picture, and never will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ScaleError {
    /// It cannot be read to its end.
    #[error("the picture cannot be read")]
    Unreadable,
    /// Reading it would take more memory than there is.
    #[error("the picture is too large to be read")]
    TooLarge,
}

/// Makes small pictures of large ones.
pub trait ImageScaler {
    /// The picture in each width of [`WIDTHS`](crate::image::WIDTHS), none wider than it is, as each kind.
    async fn scale(&self, picture: Bytes) -> Result<Vec<Variant>, ScaleError>;
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
