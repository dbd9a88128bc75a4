//! Smaller ones of a picture, for lists and for slow networks.

use std::fmt;

use thiserror::Error;

use super::ImageKind;

/// How wide variants are, in pixels. None is wider than the picture itself.
pub const WIDTHS: [u32; 4] = [320, 640, 1280, 2048];

/// What a variant is made as: each width as both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VariantKind {
    /// What every client shows.
    Jpeg,
    /// Smaller, for all browsers since 2020.
    Webp,
}

impl VariantKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Jpeg, Self::Webp];

    /// The media type (IANA).
    pub fn media_type(self) -> &'static str {
        ImageKind::from(self).media_type()
    }

    /// The usual end of a file's name.
    pub fn extension(self) -> &'static str {
        ImageKind::from(self).extension()
    }
}

impl From<VariantKind> for ImageKind {
    fn from(kind: VariantKind) -> Self {
        match kind {
            VariantKind::Jpeg => Self::Jpeg,
            VariantKind::Webp => Self::Webp,
        }
    }
}

/// How large a picture is, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

/// The sizes of the variants that there are, from small to large; empty until they are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variants(Vec<Size>);

/// A text that is no list of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the sizes of variants")]
pub struct InvalidVariants;

impl Variants {
    /// These sizes. Each is another width of [`WIDTHS`], or the picture's own.
    pub fn new(sizes: Vec<Size>) -> Result<Self, InvalidVariants> {
        let is_wider = |pair: &[Size]| pair[0].width < pair[1].width;
        let is_made = |size: &Size| size.width > 0 && size.height > 0;
        let widest = WIDTHS[WIDTHS.len() - 1];
        let are_right = sizes.len() <= WIDTHS.len()
            && sizes.windows(2).all(is_wider)
            && sizes.iter().all(is_made)
            && sizes
                .iter()
                .rev()
                .skip(1)
                .all(|size| WIDTHS.contains(&size.width))
            && sizes.last().is_none_or(|size| size.width <= widest);
        if are_right {
            Ok(Self(sizes))
        } else {
            Err(InvalidVariants)
        }
    }

    /// What `Display` writes.
    pub fn parse(raw: &str) -> Result<Self, InvalidVariants> {
        let number = |raw: &str| {
            let number = raw.parse::<u32>().ok();
            number.filter(|number| number.to_string() == raw)
        };
        let size = |raw: &str| {
            let (width, height) = raw.split_once('x')?;
            Some(Size {
                width: number(width)?,
                height: number(height)?,
            })
        };
        let sizes = raw.split(' ').filter(|_| !raw.is_empty());
        let sizes: Option<_> = sizes.map(size).collect();
        sizes.ok_or(InvalidVariants).and_then(Self::new)
    }

    /// Whether none is made yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From small to large.
    pub fn sizes(&self) -> &[Size] {
        &self.0
    }

    /// The one that stands for the picture where a client asks for no size: the largest of at most
    /// 1280 pixels. `None` until it is made.
    pub fn usual(&self) -> Option<Size> {
        let mut sizes = self.0.iter().rev();
        sizes.find(|size| size.width <= 1280).copied()
    }
}

impl fmt::Display for Variants {
    /// `320x240 640x480`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, Size { width, height }) in self.0.iter().enumerate() {
            let between = if nth > 0 { " " } else { "" };
            write!(f, "{between}{width}x{height}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_one_is_the_largest_of_at_most_1280() {
        for (raw, width) in [
            ("", None),
            ("300x200", Some(300)),
            ("320x200 500x400", Some(500)),
            ("320x200 640x400 1280x800 2048x1280", Some(1280)),
            ("320x200 640x400 1280x800 1281x801", Some(1280)),
        ] {
            let usual = Variants::parse(raw).unwrap().usual();
            assert_eq!(usual.map(|size| size.width), width, "{raw}");
        }
    }

    #[test]
    fn a_text_that_is_no_list_of_sizes_is_refused() {
        for raw in [
            " ",
            "320",
            "320x",
            "x200",
            "0x0",
            "320x0",
            "320x200 ",
            "320x200  640x400",
            "640x400 320x200",
            "320x200 320x200",
            "500x400 640x400",
            "+320x200",
            "0320x200",
            "320x200x1",
            "2049x1",
            "320x1 640x1 1280x1 2048x1 2048x1",
        ] {
            assert_eq!(Variants::parse(raw), Err(InvalidVariants), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn sizes_survive_being_written_and_read(count in 0..4_usize, width in 1..=2048_u32, height in 1..16_384_u32) {
            let mut sizes: Vec<_> = WIDTHS[..count].iter().filter(|target| **target < width).map(|&width| Size { width, height }).collect();
            sizes.push(Size { width, height });
            let variants = Variants::new(sizes).unwrap();
            prop_assert_eq!(Variants::parse(&variants.to_string()), Ok(variants));
        }

        #[test]
        fn no_text_makes_parsing_panic(raw: String) {
            let _ = Variants::parse(&raw);
        }
    }
}
