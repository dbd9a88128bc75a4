//! [`ImageStore`], [`UploadStore`] and [`UploadSigner`] in memory, and a renderer without codecs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;

use super::lock;
use crate::clock::Timestamp;
use crate::food::Food;
use crate::image::{
    Format, ImageRenderer, ImageStore, InvalidImage, NewUpload, PresignedPost, Rendition,
    RenditionKey, Size, StoredObject, UploadKey, UploadSigner, UploadStore,
};
use crate::storage::StorageError;
use crate::testing::sample;

type Objects = Mutex<BTreeMap<String, (Bytes, Timestamp)>>;

fn insert(objects: &Objects, key: String, bytes: Bytes) {
    lock(objects).insert(key, (bytes, sample::timestamp()));
}

fn list(objects: &Objects, after: Option<&str>) -> Vec<StoredObject> {
    let objects = lock(objects);
    let following =
        objects.iter().filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
    let stored = following
        .map(|(key, (_, stored_at))| StoredObject { key: key.clone(), stored_at: *stored_at });
    stored.take(1_000).collect()
}

/// An [`ImageStore`] in memory. Objects are stored at sample timestamps.
#[derive(Debug, Default)]
pub struct MemoryImages(Objects);

impl MemoryImages {
    /// Returns the bytes of the object with this key; `None` if it does not exist.
    pub fn object(&self, key: &str) -> Option<Bytes> {
        lock(&self.0).get(key).map(|(bytes, _)| bytes.clone())
    }

    /// Stores all renditions of the food's image.
    pub fn put_image_of(&self, food: &Food) {
        for key in food.rendition_keys() {
            insert(&self.0, key.to_string(), sample::IMAGE);
        }
    }

    /// Returns whether all renditions of the food's image exist.
    pub fn has_image_of(&self, food: &Food) -> bool {
        let mut keys = food.rendition_keys().into_iter();
        keys.all(|key| self.object(&key.to_string()).is_some())
    }

    /// Returns the number of objects.
    pub fn count(&self) -> usize {
        lock(&self.0).len()
    }

    /// Stores an empty object under this key, which need not be a rendition key.
    pub fn put_object(&self, key: &str) {
        insert(&self.0, key.to_owned(), Bytes::new());
    }
}

impl ImageStore for MemoryImages {
    async fn put(&self, key: RenditionKey, bytes: Bytes) -> Result<(), StorageError> {
        insert(&self.0, key.to_string(), bytes);
        Ok(())
    }

    async fn delete(&self, keys: &[RenditionKey]) -> Result<(), StorageError> {
        let mut objects = lock(&self.0);
        for key in keys {
            objects.remove(&key.to_string());
        }
        Ok(())
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError> {
        Ok(list(&self.0, after))
    }
}

/// An [`UploadStore`] and [`UploadSigner`] in memory. Uploads are stored at sample timestamps.
#[derive(Debug, Default)]
pub struct MemoryUploads(Objects);

impl MemoryUploads {
    /// Stores an upload.
    pub fn put(&self, key: UploadKey, bytes: Bytes) {
        insert(&self.0, key.to_string(), bytes);
    }

    /// Returns the number of uploads.
    pub fn count(&self) -> usize {
        lock(&self.0).len()
    }
}

impl UploadStore for MemoryUploads {
    async fn find(&self, key: UploadKey, max_bytes: usize) -> Result<Option<Bytes>, StorageError> {
        let object = lock(&self.0).get(&key.to_string()).cloned();
        Ok(object.map(|(bytes, _)| bytes.slice(..bytes.len().min(max_bytes + 1))))
    }

    async fn delete(&self, key: UploadKey) -> Result<(), StorageError> {
        lock(&self.0).remove(&key.to_string());
        Ok(())
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError> {
        Ok(list(&self.0, after))
    }
}

impl UploadSigner for MemoryUploads {
    fn presign_post(
        &self,
        key: UploadKey,
        upload: &NewUpload,
        now: Timestamp,
        lifetime: Duration,
    ) -> PresignedPost {
        let fields = [
            ("key", key.to_string()),
            ("Content-Type", upload.kind.media_type().to_owned()),
            ("bytes", upload.bytes.to_string()),
            ("until", now.plus(lifetime).to_string()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        PresignedPost { url: "memory:".to_owned(), fields: fields.into() }
    }
}

/// A renderer that accepts bytes that start with `image`, and returns them in two sizes and both formats.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeRenderer;

impl ImageRenderer for FakeRenderer {
    async fn render(&self, image: Bytes) -> Result<Vec<Rendition>, InvalidImage> {
        if !image.starts_with(b"image") {
            return Err(InvalidImage::UnsupportedFormat);
        }
        let sizes = [(320, 240), (400, 300)];
        let renditions = sizes.into_iter().flat_map(|(width, height)| {
            Format::ALL.map(|format| Rendition {
                size: Size { width, height },
                format,
                bytes: image.clone(),
            })
        });
        Ok(renditions.collect())
    }
}
