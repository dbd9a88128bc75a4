//! Operations on an S3 bucket of images or uploads.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use bytes::Bytes;
use domain::clock::Timestamp;
use domain::image::StoredObject;
use domain::storage::StorageError;

use crate::aws::{Aws, map_sdk_error};

/// An S3 bucket. The S3 client is created at first use, so that it does not delay the start of a function.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) aws: Aws,
    pub(super) name: String,
}

impl Bucket {
    pub(super) fn new(aws: &Aws, name: String) -> Self {
        let aws = aws.clone();
        Self { aws, name }
    }

    /// Stores an object. Readers get `media_type` as `Content-Type` and `cache_control` as `Cache-Control`.
    pub(super) async fn put(
        &self,
        key: String,
        media_type: &str,
        cache_control: Option<&str>,
        bytes: Bytes,
    ) -> Result<(), StorageError> {
        let put = self.aws.s3().put_object().bucket(&self.name).key(key);
        let put = put.set_cache_control(cache_control.map(str::to_owned));
        let put = put.content_type(media_type).body(ByteStream::from(bytes));
        put.send().await.map(|_| ()).map_err(map_sdk_error)
    }

    /// Reads the first `max_bytes` of an object; `None` if it is missing or empty.
    pub(super) async fn get(
        &self,
        key: String,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, StorageError> {
        let range = format!("bytes=0-{}", max_bytes.saturating_sub(1));
        let get = self.aws.s3().get_object().bucket(&self.name).key(key);
        let found = match get.range(range).send().await {
            Ok(found) => found,
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "InvalidRange")) => {
                return Ok(None);
            }
            Err(error) => return Err(map_sdk_error(error)),
        };
        let body = found.body.collect().await;
        let body = body.map_err(|error| StorageError::Unavailable(error.into()))?;
        Ok(Some(body.into_bytes()))
    }

    /// Lists up to 1,000 objects whose keys start with `prefix` and sort after `after`.
    pub(super) async fn list(
        &self,
        prefix: Option<&str>,
        after: Option<&str>,
    ) -> Result<Vec<StoredObject>, StorageError> {
        let list = self.aws.s3().list_objects_v2().bucket(&self.name);
        let list = list.set_prefix(prefix.map(str::to_owned));
        let list = list.set_start_after(after.map(str::to_owned));
        let listed = list.send().await.map_err(map_sdk_error)?;
        listed.contents().iter().map(stored_object).collect()
    }
}

fn stored_object(object: &Object) -> Result<StoredObject, StorageError> {
    let corrupt = || StorageError::Corrupt("an S3 object without key or timestamp".into());
    let stored_at = object.last_modified().and_then(|at| at.to_millis().ok());
    let stored_at = stored_at.and_then(Timestamp::from_unix_millis);
    Ok(StoredObject {
        key: object.key().ok_or_else(corrupt)?.to_owned(),
        stored_at: stored_at.ok_or_else(corrupt)?,
    })
}
