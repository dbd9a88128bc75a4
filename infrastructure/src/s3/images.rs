//! Renditions in a bucket.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use domain::image::{ImageStore, RenditionKey, StoredObject};
use domain::storage::StorageError;

use super::bucket::{Bucket, map_sdk_error};
use crate::aws::Aws;

/// An object never changes: browsers and the CDN may cache it for a year (RFC 8246).
const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// Renditions in a bucket of S3.
#[derive(Debug, Clone)]
pub struct S3Images(Bucket);

impl S3Images {
    /// Renditions in this bucket.
    pub fn new(aws: &Aws, bucket: String) -> Self {
        Self(Bucket::new(aws, bucket))
    }

    /// Opens a connection for a request that follows: see [`Aws::connect_to_s3`].
    pub fn connect(&self) {
        self.0.aws.connect_to_s3(&self.0.name);
    }
}

impl ImageStore for S3Images {
    async fn put(&self, key: RenditionKey, bytes: Bytes) -> Result<(), StorageError> {
        let media_type = key.format.media_type();
        let put = self
            .0
            .put(key.to_string(), media_type, Some(CACHE_CONTROL), bytes);
        put.await
    }

    async fn delete(&self, keys: &[RenditionKey]) -> Result<(), StorageError> {
        let objects = keys.iter().map(|key| {
            let object = ObjectIdentifier::builder().key(key.to_string());
            object.build().expect("an object with a key")
        });
        let objects = Delete::builder()
            .quiet(true)
            .set_objects(Some(objects.collect()));
        let objects = objects.build().expect("a list of objects");
        let delete = self.0.aws.s3().delete_objects().bucket(&self.0.name);
        let deleted = match delete.delete(objects).send().await {
            Ok(deleted) if deleted.errors().is_empty() => Ok(()),
            Ok(deleted) => Err(not_deleted(deleted.errors())),
            Err(error) => Err(map_sdk_error(error)),
        };
        deleted.inspect_err(|error| {
            // Callers ignore the error, so this is its only trace.
            let key = keys.first().map(ToString::to_string);
            tracing::warn!(image.key = key, error = %error, "renditions not deleted");
        })
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError> {
        self.0.list(after).await
    }
}

fn not_deleted(errors: &[aws_sdk_s3::types::Error]) -> StorageError {
    let codes: Vec<_> = errors.iter().filter_map(|error| error.code()).collect();
    let cause = codes.join(", ").into();
    if codes.contains(&"AccessDenied") {
        StorageError::Rejected(cause)
    } else {
        StorageError::Unavailable(cause)
    }
}
