//! Sizes of images.

use image::DynamicImage;

use crate::{ImageError, MAX_PIXELS, MAX_SIDE};

/// Maximum height of a rendition.
const MAX_HEIGHT: u32 = 4096;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    /// Checks the size that a header declares.
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
        Self {
            width: image.width(),
            height: image.height(),
        }
    }

    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            width: self.height,
            height: self.width,
        }
    }

    /// Size of the rendition that is at most `width` wide: same proportions, never enlarged.
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
        Self {
            width,
            height: u32::try_from(height).unwrap_or(self.height).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn renditions_keep_proportions_and_are_never_enlarged() {
        assert_eq!(size(4032, 3024).fit_within(640), size(640, 480));
        assert_eq!(size(300, 200).fit_within(640), size(300, 200));
        assert_eq!(size(1000, 333).fit_within(320), size(320, 107));
        assert_eq!(size(16_383, 1).fit_within(320), size(320, 1));
    }

    #[test]
    fn renditions_are_at_most_4096_high() {
        assert_eq!(size(3170, 16_380).fit_within(2048), size(793, 4096));
        assert_eq!(size(3170, 16_380).fit_within(320), size(320, 1654));
        assert_eq!(size(1, 16_383).fit_within(320), size(1, 4096));
    }

    #[test]
    fn sizes_beyond_the_limits_are_rejected() {
        assert_eq!(Size::parse(8000, 6500), Ok(size(8000, 6500)));
        let too_many = Err(ImageError::TooManyPixels);
        assert_eq!(Size::parse(8000, 6501), too_many);
        assert_eq!(Size::parse(16_384, 1), too_many);
        assert_eq!(Size::parse(u32::MAX, u32::MAX), too_many);
        assert_eq!(Size::parse(0, 1), Err(ImageError::Malformed));
    }
}
