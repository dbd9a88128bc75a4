//! The ports to stored images, to uploads and to the codecs.

use std::time::Duration;

use bytes::Bytes;

use super::{InvalidImage, NewUpload, Rendition, RenditionKey, UploadKey};
use crate::clock::Timestamp;
use crate::storage::StorageError;

/// Decodes images and encodes their renditions.
pub trait ImageRenderer {
    /// The renditions of the image: upright, in sRGB, without metadata; for each of [`WIDTHS`] up to the
    /// image's own width as JPEG and as WebP, narrowest first. Other tasks run meanwhile.
    ///
    /// [`WIDTHS`]: super::WIDTHS
    async fn render(&self, image: Bytes) -> Result<Vec<Rendition>, InvalidImage>;
}

/// An object in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key; it may be one that we did not make.
    pub key: String,
    /// When it was stored.
    pub stored_at: Timestamp,
}

/// The renditions that everybody can read.
pub trait ImageStore {
    /// Stores a rendition with its media type.
    async fn put(&self, key: RenditionKey, bytes: Bytes) -> Result<(), StorageError>;

    /// Deletes the renditions, at most 1,000 at once; succeeds when they are already gone.
    async fn delete(&self, keys: &[RenditionKey]) -> Result<(), StorageError>;

    /// The next objects in the order of their keys, after the key `after`. Empty at the end.
    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError>;
}

/// The uploads that wait for a food.
pub trait UploadStore {
    /// The first `max_bytes` + 1 bytes of an upload; `None` when there is none.
    async fn find(&self, key: UploadKey, max_bytes: usize) -> Result<Option<Bytes>, StorageError>;

    /// Deletes the upload; succeeds when it is already gone.
    async fn delete(&self, key: UploadKey) -> Result<(), StorageError>;

    /// The next objects in the order of their keys, after the key `after`. Empty at the end.
    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError>;
}

/// A presigned POST: a form that lets a client upload exactly one object without AWS credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedPost {
    /// The URL to post the form to.
    pub url: String,
    /// The fields of the form, in this order, before the last one, `file`.
    pub fields: Vec<(String, String)>,
}

/// Signs uploads.
pub trait UploadSigner {
    /// A form for this upload under the key, valid for `lifetime`. Makes no request.
    fn presign_post(
        &self,
        key: UploadKey,
        upload: &NewUpload,
        now: Timestamp,
        lifetime: Duration,
    ) -> PresignedPost;
}
