//! The steps from an image in a request to stored renditions: fetch, check, render, store.

use bytes::Bytes;
use futures_util::future::try_join_all;
use thiserror::Error;

use crate::clock::Timestamp;
use crate::food::Food;
use crate::id::{FoodId, ImageId, UserId};
use crate::image::{
    Image, ImageRenderer, ImageSource, ImageStore, InvalidImage, Rendition, RenditionKey, Sizes,
    UploadKey, UploadStore,
};
use crate::storage::StorageError;

/// The ports for processing images.
#[derive(Debug, Clone)]
pub struct ImagePipeline<S, U, R> {
    /// The bucket of renditions.
    pub store: S,
    /// The bucket of uploads.
    pub uploads: U,
    /// The codecs: decode images and encode renditions.
    pub renderer: R,
    /// The maximum size of an image file in bytes: the setting `MAX_IMAGE_BYTES`.
    pub max_bytes: usize,
}

/// The renditions of an image, and the upload that it was read from.
pub(super) struct RenderedImage {
    renditions: Vec<Rendition>,
    pub(super) upload: Option<ImageId>,
}

/// Why an image was not rendered.
#[derive(Debug, Error)]
pub(super) enum RenderError {
    #[error("no such upload")]
    UploadNotFound,
    #[error(transparent)]
    Invalid(#[from] InvalidImage),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Decodes an image and encodes its renditions. Rejects files of more than `max_bytes`.
pub async fn render_image(
    renderer: &impl ImageRenderer,
    bytes: Bytes,
    max_bytes: usize,
) -> Result<Vec<Rendition>, InvalidImage> {
    if bytes.len() > max_bytes {
        return Err(InvalidImage::TooLarge { max_bytes });
    }
    renderer.render(bytes).await
}

/// Stores all renditions concurrently, as the image `id` of the food. If storing one fails, the others may
/// stay; [`sweep_images`](super::sweep_images) deletes them.
pub async fn store_image(
    store: &impl ImageStore,
    food: FoodId,
    id: ImageId,
    renditions: Vec<Rendition>,
) -> Result<Image, StorageError> {
    let mut sizes: Vec<_> = renditions.iter().map(|rendition| rendition.size).collect();
    sizes.dedup();
    let sizes = Sizes::new(sizes).map_err(|error| StorageError::Corrupt(error.into()))?;
    let stored = renditions.into_iter().map(|rendition| {
        let Rendition { size, format, bytes } = rendition;
        let key = RenditionKey { food, image: id, width: size.width, format };
        store.put(key, bytes)
    });
    try_join_all(stored).await?;
    Ok(Image { id, sizes })
}

impl<S: ImageStore, U: UploadStore, R: ImageRenderer> ImagePipeline<S, U, R> {
    /// Renders the image of a request; `None` if the request has none. Uploads of other users are not found.
    pub(super) async fn render(
        &self,
        owner: UserId,
        source: ImageSource,
    ) -> Result<Option<RenderedImage>, RenderError> {
        let (bytes, upload) = match source {
            ImageSource::None => return Ok(None),
            ImageSource::Inline(bytes) => (bytes, None),
            ImageSource::Upload(raw_id) => {
                let (id, bytes) = self.fetch(owner, &raw_id).await?;
                (bytes, Some(id))
            }
        };
        let renditions = render_image(&self.renderer, bytes, self.max_bytes).await?;
        Ok(Some(RenderedImage { renditions, upload }))
    }

    async fn fetch(&self, owner: UserId, raw_id: &str) -> Result<(ImageId, Bytes), RenderError> {
        let id = ImageId::parse(raw_id).map_err(|_| RenderError::UploadNotFound)?;
        let bytes = self.uploads.find(UploadKey { owner, id }, self.max_bytes);
        let bytes = bytes.await?.ok_or(RenderError::UploadNotFound)?;
        Ok((id, bytes))
    }

    /// Stores the renditions as an image with a new id; see [`store_image`].
    pub(super) async fn store(
        &self,
        food: FoodId,
        image: RenderedImage,
        now: Timestamp,
    ) -> Result<Image, StorageError> {
        store_image(&self.store, food, ImageId::new(now), image.renditions).await
    }

    /// Deletes an upload that was attached to a food. Ignores failures, because the sweep deletes it later.
    pub(super) async fn delete_upload(&self, owner: UserId, upload: Option<ImageId>) {
        if let Some(id) = upload {
            let _ = self.uploads.delete(UploadKey { owner, id }).await;
        }
    }

    /// Deletes the renditions of an unused image. Ignores failures, because the sweep deletes them later.
    pub(super) async fn delete_image(&self, food: &Food) {
        let _ = self.store.delete(&food.rendition_keys()).await;
    }
}
