//! The ports to images and uploads.

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use super::{Image, ImageKey, NewUpload, Size, Upload, UploadKey, VariantKey, VariantKind};
use crate::clock::Timestamp;
use crate::storage::StorageError;

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
    async fn put(&self, key: &ImageKey, image: &Image) -> Result<(), StorageError>;

    /// Removes the picture and all its variants; succeeds when they are already gone.
    async fn delete(&self, key: &ImageKey) -> Result<(), StorageError>;

    /// Some of what is kept, whoever put it there, in the order of keys and from the one that follows
    /// `after`. Empty where nothing follows.
    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredImage>, StorageError>;
}

/// Where pictures are before they belong to a food.
pub trait UploadStore {
    /// What was uploaded under the key, at most one byte more of it than `max_bytes`; `None` when nothing
    /// was.
    async fn find_upload(
        &self,
        key: &UploadKey,
        max_bytes: usize,
    ) -> Result<Option<Upload>, StorageError>;

    /// Removes it; succeeds when it is already gone.
    async fn delete_upload(&self, key: &UploadKey) -> Result<(), StorageError>;
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
    async fn find_image(&self, key: &ImageKey) -> Result<Option<Bytes>, StorageError>;

    /// Keeps the variant under the key, with its type.
    async fn put_variant(&self, key: &VariantKey, bytes: Bytes) -> Result<(), StorageError>;
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
