//! Pictures in a bucket, each under a key of its own that never changes what it holds.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use domain::clock::Timestamp;
use domain::image::{Image, ImageKey};
use domain::repository::RepositoryError;
use domain::store::{ImageStore, StoredImage};

use crate::aws::Aws;

/// What is under a key never changes: browsers and the CDN may keep it for a year (RFC 8246).
const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// Pictures in a bucket of S3.
#[derive(Debug, Clone)]
pub struct S3Images {
    /// Makes the client with the first picture: a start without one need not wait for it.
    aws: Aws,
    bucket: String,
}

impl S3Images {
    /// Pictures in this bucket.
    pub fn new(aws: &Aws, bucket: String) -> Self {
        Self {
            aws: aws.clone(),
            bucket,
        }
    }

    /// Says that a picture will be put or deleted soon: see [`Aws::connect_to_s3`].
    pub fn connect(&self) {
        self.aws.connect_to_s3(&self.bucket);
    }
}

fn failed<E, R>(error: SdkError<E, R>) -> RepositoryError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.code() {
        // Asking again does not help.
        Some("AccessDenied" | "NoSuchBucket" | "InvalidAccessKeyId" | "SignatureDoesNotMatch") => {
            RepositoryError::Refused(error.into())
        }
        _ => RepositoryError::Unavailable(error.into()),
    }
}

impl ImageStore for S3Images {
    async fn put(&self, key: &ImageKey, image: &Image) -> Result<(), RepositoryError> {
        self.aws
            .s3()
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .content_type(image.kind().media_type())
            .cache_control(CACHE_CONTROL)
            .body(ByteStream::from(image.bytes().clone()))
            .send()
            .await
            .map(|_| ())
            .map_err(failed)
    }

    async fn delete(&self, key: &ImageKey) -> Result<(), RepositoryError> {
        self.aws
            .s3()
            .delete_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| {
                // The callers' answer does not depend on it, so this is its only trace.
                tracing::warn!(image.key = key.as_str(), error = %error, "picture left behind");
                failed(error)
            })
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredImage>, RepositoryError> {
        let listed = self
            .aws
            .s3()
            .list_objects_v2()
            .bucket(&self.bucket)
            .set_start_after(after.map(str::to_owned))
            .send()
            .await
            .map_err(failed)?;
        listed.contents().iter().map(stored).collect()
    }
}

fn stored(object: &Object) -> Result<StoredImage, RepositoryError> {
    let unreadable = || RepositoryError::Corrupt("an object without a key or a time".into());
    let stored_at = object.last_modified().and_then(|at| at.to_millis().ok());
    let stored_at = stored_at.and_then(Timestamp::from_unix_millis);
    Ok(StoredImage {
        key: object.key().ok_or_else(unreadable)?.to_owned(),
        stored_at: stored_at.ok_or_else(unreadable)?,
    })
}
