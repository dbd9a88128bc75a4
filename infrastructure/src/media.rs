//! Creates image renditions with the crate `media`.

use bytes::Bytes;
use domain::image::{Format, ImageRenderer, InvalidImage, Rendition, Size};
use media::ImageError;
use tokio::task::spawn_blocking;

/// Renders images on a blocking thread, so that decoding and encoding do not block the async runtime.
#[derive(Debug, Clone, Copy)]
pub struct MediaRenderer;

impl ImageRenderer for MediaRenderer {
    async fn render(&self, image: Bytes) -> Result<Vec<Rendition>, InvalidImage> {
        match spawn_blocking(move || media::render(&image)).await {
            Ok(Ok(renditions)) => Ok(renditions.into_iter().map(rendition).collect()),
            Ok(Err(ImageError::UnsupportedFormat)) => Err(InvalidImage::UnsupportedFormat),
            Ok(Err(ImageError::Malformed)) => Err(InvalidImage::Malformed),
            Ok(Err(ImageError::TooManyPixels)) => Err(InvalidImage::TooManyPixels),
            Ok(Err(ImageError::TooComplex)) => Err(InvalidImage::TooComplex),
            Err(error) => {
                tracing::error!(%error, "image codec panicked");
                Err(InvalidImage::Malformed)
            }
        }
    }
}

fn rendition(rendition: media::Rendition) -> Rendition {
    let (width, height) = (rendition.width, rendition.height);
    Rendition {
        size: Size { width, height },
        format: match rendition.format {
            media::Format::Jpeg => Format::Jpeg,
            media::Format::WebP => Format::WebP,
        },
        bytes: rendition.bytes.into(),
    }
}
