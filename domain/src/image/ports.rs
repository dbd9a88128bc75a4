//! The ports to stored images, uploads and codecs.

use std::time::Duration;

use bytes::Bytes;

use super::{InvalidImage, NewUpload, Rendition, RenditionKey, UploadKey};
use crate::clock::Timestamp;
use crate::storage::StorageError;

/// Port: decodes images and encodes their renditions.
pub trait ImageRenderer {
    /// Renders the image upright, in sRGB, without metadata: for each of [`WIDTHS`] up to the width of the
    /// image as JPEG and as WebP, narrowest first. Does not block other tasks.
    ///
    /// [`WIDTHS`]: super::WIDTHS
    async fn render(&self, image: Bytes) -> Result<Vec<Rendition>, InvalidImage>;
}

/// An object in a bucket, as `list` returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// The object's key; not necessarily a rendition or upload key.
    pub key: String,
    /// The time when the object was stored.
    pub stored_at: Timestamp,
}

/// Port: the bucket of renditions, which are public.
pub trait ImageStore {
    /// Stores a rendition with its media type. Overwrites an object with this key.
    async fn put(&self, key: RenditionKey, bytes: Bytes) -> Result<(), StorageError>;

    /// Deletes the renditions, at most 1,000 per call. Idempotent: succeeds if they do not exist.
    async fn delete(&self, keys: &[RenditionKey]) -> Result<(), StorageError>;

    /// Lists the next objects in key order, after the key `after` if any. Returns an empty list at the end.
    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError>;
}

/// Port: the bucket of uploads that are not attached to a food yet.
pub trait UploadStore {
    /// Returns at most `max_bytes` + 1 bytes, which shows whether an upload is too large; `None` if missing.
    async fn find(&self, key: UploadKey, max_bytes: usize) -> Result<Option<Bytes>, StorageError>;

    /// Deletes the upload. Idempotent: succeeds if the upload does not exist.
    async fn delete(&self, key: UploadKey) -> Result<(), StorageError>;

    /// Lists the next objects in key order, after the key `after` if any. Returns an empty list at the end.
    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError>;
}

/// A presigned POST: a form that lets a client upload exactly one object without AWS credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedPost {
    /// The URL to post the form to.
    pub url: String,
    /// The names and values of the form fields, in this order; the field `file` must follow as the last one.
    pub fields: Vec<(String, String)>,
}

/// Port: signs presigned POST forms for uploads.
pub trait UploadSigner {
    /// Signs a form that uploads exactly this type and size under the key, valid for `lifetime` from `now`.
    /// Makes no network request.
    fn presign_post(
        &self,
        key: UploadKey,
        upload: &NewUpload,
        now: Timestamp,
        lifetime: Duration,
    ) -> PresignedPost;
}
