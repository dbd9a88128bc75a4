//! Image renditions in an S3 bucket.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use domain::image::{ImageStore, RenditionKey, StoredObject};
use domain::storage::StorageError;

use super::bucket::Bucket;
use crate::aws::{Aws, map_sdk_error};

/// The `Cache-Control` of a rendition, cached for a year because its object never changes (RFC 8246).
const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// The prefix of all keys, without which the role of `sweep_images` may not list the bucket.
const PREFIX: &str = "foods/";

/// A store of image renditions in an S3 bucket.
#[derive(Debug, Clone)]
pub struct S3Images(Bucket);

impl S3Images {
    /// Creates a store on this bucket. Sends no request.
    pub fn new(aws: &Aws, bucket: String) -> Self {
        Self(Bucket::new(aws, bucket))
    }

    /// Opens a connection for the next request in the background; see [`Aws::preconnect_s3`].
    pub fn preconnect(&self) {
        self.0.aws.preconnect_s3(&self.0.name);
    }
}

impl ImageStore for S3Images {
    async fn put(&self, key: RenditionKey, bytes: Bytes) -> Result<(), StorageError> {
        let media_type = key.format.media_type();
        let put = self.0.put(key.to_string(), media_type, Some(CACHE_CONTROL), bytes);
        put.await
    }

    async fn delete(&self, keys: &[RenditionKey]) -> Result<(), StorageError> {
        let objects = keys.iter().map(|key| {
            let object = ObjectIdentifier::builder().key(key.to_string());
            object.build().expect("an object with a key")
        });
        let objects = Delete::builder().quiet(true).set_objects(Some(objects.collect()));
        let objects = objects.build().expect("a list of objects");
        let delete = self.0.aws.s3().delete_objects().bucket(&self.0.name);
        let deleted = match delete.delete(objects).send().await {
            Ok(deleted) if deleted.errors().is_empty() => Ok(()),
            Ok(deleted) => Err(map_delete_errors(deleted.errors())),
            Err(error) => Err(map_sdk_error(error)),
        };
        deleted.inspect_err(|error| {
            // Callers ignore the error, so it is logged here.
            let key = keys.first().map(ToString::to_string);
            tracing::warn!(image.key = key, error = %error, "renditions not deleted");
        })
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError> {
        self.0.list(Some(PREFIX), after).await
    }
}

fn map_delete_errors(errors: &[aws_sdk_s3::types::Error]) -> StorageError {
    let codes: Vec<_> = errors.iter().filter_map(|error| error.code()).collect();
    let cause = codes.join(", ").into();
    if codes.contains(&"AccessDenied") {
        StorageError::Rejected(cause)
    } else {
        StorageError::Unavailable(cause)
    }
}
