//! Pictures in a bucket, each under a key of its own that never changes what it holds.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, Object, ObjectIdentifier};
use bytes::Bytes;
use domain::clock::Timestamp;
use domain::image::{
    Image, ImageKey, ImageKind, ImageStore, StoredImage, Upload, UploadKey, UploadStore,
    VariantKey, VariantStore,
};
use domain::storage::StorageError;

use crate::aws::Aws;

/// What is under a key never changes: browsers and the CDN may keep it for a year (RFC 8246).
const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// Pictures in a bucket of S3.
#[derive(Debug, Clone)]
pub struct S3Images {
    /// Makes the client with the first picture: a start without one need not wait for it.
    pub(super) aws: Aws,
    pub(super) bucket: String,
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

    /// Keeps what somebody uploads, as if they had posted it themselves: for the scene of the events.
    pub async fn put_upload(
        &self,
        key: &UploadKey,
        declared: ImageKind,
        bytes: Bytes,
    ) -> Result<(), StorageError> {
        let media_type = declared.media_type();
        self.put_object(key.as_str(), media_type, bytes).await
    }

    async fn put_object(
        &self,
        key: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<(), StorageError> {
        let client = self.aws.s3();
        let put = client.put_object().bucket(&self.bucket).key(key);
        let put = put.content_type(media_type).cache_control(CACHE_CONTROL);
        let put = put.body(ByteStream::from(bytes)).send().await;
        put.map(|_| ()).map_err(failed)
    }

    /// At most so many bytes from the beginning. `None` where nothing is there.
    async fn get_object(
        &self,
        key: &str,
        max_bytes: Option<usize>,
    ) -> Result<Option<GetObjectOutput>, StorageError> {
        let range = max_bytes.map(|bytes| format!("bytes=0-{}", bytes.saturating_sub(1)));
        let client = self.aws.s3();
        let get = client.get_object().bucket(&self.bucket).key(key);
        match get.set_range(range).send().await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.as_service_error().is_some_and(is_nothing) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

/// There is no such object, or it is empty: it has no first byte.
fn is_nothing(error: &GetObjectError) -> bool {
    error.is_no_such_key() || error.code() == Some("InvalidRange")
}

async fn read(body: ByteStream) -> Result<Bytes, StorageError> {
    let read = body.collect().await;
    let read = read.map_err(|error| StorageError::Unavailable(error.into()))?;
    Ok(read.into_bytes())
}

fn failed<E, R>(error: SdkError<E, R>) -> StorageError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.code() {
        // Asking again does not help.
        Some("AccessDenied" | "NoSuchBucket" | "InvalidAccessKeyId" | "SignatureDoesNotMatch") => {
            StorageError::Refused(error.into())
        }
        _ => StorageError::Unavailable(error.into()),
    }
}

impl ImageStore for S3Images {
    async fn put(&self, key: &ImageKey, image: &Image) -> Result<(), StorageError> {
        let media_type = image.kind().media_type();
        self.put_object(key.as_str(), media_type, image.bytes().clone())
            .await
    }

    /// In one request, whichever variants there are.
    async fn delete(&self, key: &ImageKey) -> Result<(), StorageError> {
        let named = |key: &str| {
            let named = ObjectIdentifier::builder().key(key).build();
            named.expect("an object with a key")
        };
        let variants = key.variants();
        let objects = Delete::builder().quiet(true).set_objects(Some(
            std::iter::once(named(key.as_str()))
                .chain(variants.map(|variant| named(variant.as_str())))
                .collect(),
        ));
        let objects = objects.build().expect("objects");
        let client = self.aws.s3();
        let delete = client.delete_objects().bucket(&self.bucket).delete(objects);
        let deleted = match delete.send().await {
            Ok(deleted) if deleted.errors().is_empty() => Ok(()),
            Ok(deleted) => Err(left_behind(deleted.errors())),
            Err(error) => Err(failed(error)),
        };
        deleted.inspect_err(|error| {
            // The callers' answer does not depend on it, so this is its only trace.
            tracing::warn!(image.key = key.as_str(), error = %error, "picture left behind");
        })
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredImage>, StorageError> {
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

/// Some objects were not deleted. What one may not do, one may do to none of them.
fn left_behind(errors: &[aws_sdk_s3::types::Error]) -> StorageError {
    let codes: Vec<_> = errors.iter().filter_map(|error| error.code()).collect();
    let cause = codes.join(", ").into();
    if codes.contains(&"AccessDenied") {
        StorageError::Refused(cause)
    } else {
        StorageError::Unavailable(cause)
    }
}

impl UploadStore for S3Images {
    async fn find_upload(
        &self,
        key: &UploadKey,
        max_bytes: usize,
    ) -> Result<Option<Upload>, StorageError> {
        let at_most = max_bytes.saturating_add(1);
        let Some(found) = self.get_object(key.as_str(), Some(at_most)).await? else {
            return Ok(None);
        };
        let declared = found.content_type().and_then(ImageKind::of_media_type);
        Ok(Some(Upload {
            key: key.clone(),
            declared,
            bytes: read(found.body).await?,
        }))
    }

    async fn delete_upload(&self, key: &UploadKey) -> Result<(), StorageError> {
        let client = self.aws.s3();
        let delete = client.delete_object().bucket(&self.bucket);
        let deleted = delete.key(key.as_str()).send().await;
        deleted.map(|_| ()).map_err(failed)
    }
}

impl VariantStore for S3Images {
    async fn find_image(&self, key: &ImageKey) -> Result<Option<Bytes>, StorageError> {
        match self.get_object(key.as_str(), None).await? {
            Some(found) => Ok(Some(read(found.body).await?)),
            None => Ok(None),
        }
    }

    async fn put_variant(&self, key: &VariantKey, bytes: Bytes) -> Result<(), StorageError> {
        let media_type = key.kind().media_type();
        self.put_object(key.as_str(), media_type, bytes).await
    }
}

fn stored(object: &Object) -> Result<StoredImage, StorageError> {
    let unreadable = || StorageError::Corrupt("an object without a key or a time".into());
    let stored_at = object.last_modified().and_then(|at| at.to_millis().ok());
    let stored_at = stored_at.and_then(Timestamp::from_unix_millis);
    Ok(StoredImage {
        key: object.key().ok_or_else(unreadable)?.to_owned(),
        stored_at: stored_at.ok_or_else(unreadable)?,
    })
}
