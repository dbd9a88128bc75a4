//! The sizes of the renditions of an image.

use std::fmt;

use thiserror::Error;

/// The widths of renditions in pixels. An image is never enlarged, so the last rendition may be narrower.
pub const WIDTHS: [u32; 4] = [320, 640, 1280, 2048];

/// The maximum width in pixels of the rendition that responses show as `food_image`.
const PREFERRED_WIDTH: u32 = 1280;

/// A width and a height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// The sizes of the renditions of one image, narrowest first; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes(Vec<Size>);

/// The error of sizes that the renditions of one image cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the sizes of renditions")]
pub struct InvalidSizes;

impl Sizes {
    /// Checks that there are one to four sizes, each wider than the one before and none zero.
    pub fn new(sizes: Vec<Size>) -> Result<Self, InvalidSizes> {
        let is_valid = (1..=WIDTHS.len()).contains(&sizes.len())
            && sizes.iter().all(|size| size.width > 0 && size.height > 0)
            && sizes.is_sorted_by(|one, next| one.width < next.width);
        is_valid.then_some(Self(sizes)).ok_or(InvalidSizes)
    }

    /// Parses the text that `Display` writes, such as `320x240 640x480`.
    pub fn parse(raw: &str) -> Result<Self, InvalidSizes> {
        let size = |raw: &str| {
            let (width, height) = raw.split_once('x')?;
            let (width, height) = (width.parse().ok()?, height.parse().ok()?);
            Some(Size { width, height })
        };
        let sizes: Option<_> = raw.split(' ').map(size).collect();
        sizes.ok_or(InvalidSizes).and_then(Self::new)
    }

    /// Returns the sizes, narrowest first.
    pub fn as_slice(&self) -> &[Size] {
        &self.0
    }

    /// Returns the widest size of at most 1280 pixels, or the narrowest if all are wider: the `food_image`.
    pub fn preferred(&self) -> Size {
        let mut widest_first = self.0.iter().rev();
        let preferred = widest_first.find(|size| size.width <= PREFERRED_WIDTH);
        *preferred.unwrap_or(&self.0[0])
    }
}

impl fmt::Display for Sizes {
    /// Writes the sizes as text, such as `320x240 640x480`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, Size { width, height }) in self.0.iter().enumerate() {
            let separator = if nth > 0 { " " } else { "" };
            write!(f, "{separator}{width}x{height}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn preferred_size_is_widest_rendition_up_to_1280_pixels() {
        for (raw, width) in [
            ("300x200", 300),
            ("320x200 500x400", 500),
            ("320x200 640x400 1280x800 2048x1280", 1280),
            ("1300x900", 1300),
        ] {
            assert_eq!(Sizes::parse(raw).unwrap().preferred().width, width, "{raw}");
        }
    }

    #[test]
    fn malformed_rendition_sizes_are_rejected() {
        for raw in [
            "",
            " ",
            "320",
            "320x",
            "x200",
            "320x0",
            "0x200",
            "320x200 ",
            "320x200  640x400",
            "640x400 320x200",
            "320x200 320x200",
            "320x200x1",
            "1x1 2x1 3x1 4x1 5x1",
        ] {
            assert_eq!(Sizes::parse(raw), Err(InvalidSizes), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn rendition_sizes_parse_as_written(widths in prop::collection::btree_set(1..=2048_u32, 1..=4), height in 1..4097_u32) {
            let sizes = widths.into_iter().map(|width| Size { width, height }).collect();
            let sizes = Sizes::new(sizes).unwrap();
            prop_assert_eq!(Sizes::parse(&sizes.to_string()), Ok(sizes));
        }
    }
}
