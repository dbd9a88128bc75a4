//! Sizes of images.

use image::DynamicImage;

use crate::{ImageError, MAX_PIXELS, MAX_SIDE};

/// Maximum height of a rendition, in pixels.
const MAX_HEIGHT: u32 = 4096;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    /// Creates the size that the header of a file declares; returns an error if it is zero or too large.
    pub(crate) fn parse(width: u32, height: u32) -> Result<Self, ImageError> {
        let size = Self { width, height };
        if size.pixels() == 0 {
            Err(ImageError::Malformed)
        } else if size.pixels() > MAX_PIXELS || width.max(height) > MAX_SIDE {
            Err(ImageError::TooManyPixels)
        } else {
            Ok(size)
        }
    }

    pub(crate) fn of(image: &DynamicImage) -> Self {
        Self { width: image.width(), height: image.height() }
    }

    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(crate) fn transposed(self) -> Self {
        Self { width: self.height, height: self.width }
    }

    /// Scales the size to at most this width and [`MAX_HEIGHT`]: same proportions, never enlarged.
    pub(crate) fn fit_within(self, width: u32) -> Self {
        let fitted = self.narrowed(width);
        if fitted.height > MAX_HEIGHT {
            self.transposed().narrowed(MAX_HEIGHT).transposed()
        } else {
            fitted
        }
    }

    fn narrowed(self, width: u32) -> Self {
        if self.width <= width {
            return self;
        }
        let (from, to) = (u64::from(self.width), u64::from(width));
        let height = (2 * u64::from(self.height) * to + from) / (2 * from);
        Self { width, height: u32::try_from(height).unwrap_or(self.height).max(1) }
    }
}
