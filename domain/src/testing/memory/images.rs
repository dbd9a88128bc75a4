//! Images, their variants and uploads in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;

use super::lock;
use crate::clock::Timestamp;
use crate::image::{
    Image, ImageKey, ImageStore, NewUpload, SignedUpload, StoredImage, Upload, UploadKey,
    UploadSigner, UploadStore, VariantKey, VariantStore,
};
use crate::storage::StorageError;
use crate::testing::sample;

/// Pictures, their variants and uploads in memory, kept since the moment of a sample.
#[derive(Debug, Default)]
pub struct MemoryImages {
    objects: Mutex<BTreeMap<String, (Bytes, Timestamp)>>,
    uploads: Mutex<HashMap<String, Upload>>,
}

impl MemoryImages {
    /// The picture under the key.
    pub fn get(&self, key: &ImageKey) -> Option<Image> {
        let bytes = self.object(key.as_str())?;
        let max_bytes = bytes.len();
        Some(Image::parse(bytes, max_bytes).expect("a picture"))
    }

    /// What is under any key.
    pub fn object(&self, key: &str) -> Option<Bytes> {
        let objects = lock(&self.objects);
        objects.get(key).map(|(bytes, _)| bytes.clone())
    }

    /// How many objects there are.
    pub fn count(&self) -> usize {
        lock(&self.objects).len()
    }

    /// Uploads it, as its owner would.
    pub fn upload(&self, upload: Upload) {
        self.keep(upload.key.as_str(), upload.bytes.clone());
        let mut uploads = lock(&self.uploads);
        uploads.insert(upload.key.as_str().to_owned(), upload);
    }

    fn keep(&self, key: &str, bytes: Bytes) {
        let kept = (bytes, sample::moment());
        lock(&self.objects).insert(key.to_owned(), kept);
    }
}

impl UploadStore for MemoryImages {
    async fn find_upload(
        &self,
        key: &UploadKey,
        max_bytes: usize,
    ) -> Result<Option<Upload>, StorageError> {
        let found = lock(&self.uploads).get(key.as_str()).cloned();
        Ok(found.map(|mut upload| {
            upload.bytes.truncate(max_bytes + 1);
            upload
        }))
    }

    async fn delete_upload(&self, key: &UploadKey) -> Result<(), StorageError> {
        lock(&self.objects).remove(key.as_str());
        lock(&self.uploads).remove(key.as_str());
        Ok(())
    }
}

impl UploadSigner for MemoryImages {
    fn sign(
        &self,
        key: &UploadKey,
        upload: &NewUpload,
        now: Timestamp,
        lifetime: Duration,
    ) -> SignedUpload {
        let fields = [
            ("key", key.as_str().to_owned()),
            ("Content-Type", upload.kind.media_type().to_owned()),
            ("bytes", upload.bytes.to_string()),
            ("until", now.plus(lifetime).to_string()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        SignedUpload {
            url: "memory:".to_owned(),
            fields: fields.into(),
        }
    }
}

impl VariantStore for MemoryImages {
    async fn find_image(&self, key: &ImageKey) -> Result<Option<Bytes>, StorageError> {
        Ok(self.object(key.as_str()))
    }

    async fn put_variant(&self, key: &VariantKey, bytes: Bytes) -> Result<(), StorageError> {
        self.keep(key.as_str(), bytes);
        Ok(())
    }
}

impl ImageStore for MemoryImages {
    async fn put(&self, key: &ImageKey, image: &Image) -> Result<(), StorageError> {
        self.keep(key.as_str(), image.bytes().clone());
        Ok(())
    }

    async fn delete(&self, key: &ImageKey) -> Result<(), StorageError> {
        let mut objects = lock(&self.objects);
        objects.remove(key.as_str());
        for variant in key.variants() {
            objects.remove(variant.as_str());
        }
        Ok(())
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredImage>, StorageError> {
        let objects = lock(&self.objects);
        let following = objects
            .iter()
            .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        let stored = following.map(|(key, (_, stored_at))| StoredImage {
            key: key.clone(),
            stored_at: *stored_at,
        });
        Ok(stored.take(1_000).collect())
    }
}
