//! Pictures: recognising them by their bytes, and naming them.

mod key;
mod store;
mod upload;
mod variant;

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

pub use key::{ImageKey, InvalidKey, StoredKey, UploadKey, VariantKey};
pub use store::{
    ImageScaler, ImageStore, ScaleError, SignedUpload, StoredImage, UploadSigner, UploadStore,
    Variant, VariantStore,
};
pub use upload::{GivenImage, InvalidUpload, InvalidUploadField, NewUpload, Upload};
pub use variant::{InvalidVariants, Size, VariantKind, Variants, WIDTHS};

/// The kinds of picture we take: those that browsers show and that carry no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
    /// `image/webp`
    Webp,
    /// `image/gif`
    Gif,
    /// `image/avif`
    Avif,
}

impl ImageKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Gif, Self::Avif];

    /// The media type (IANA).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }

    /// The kind with this media type, in any case.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let is_it = |kind: &Self| kind.media_type().eq_ignore_ascii_case(media_type);
        Self::ALL.into_iter().find(is_it)
    }

    /// The usual end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }
}

impl From<pictures::Kind> for ImageKind {
    fn from(kind: pictures::Kind) -> Self {
        match kind {
            pictures::Kind::Jpeg => Self::Jpeg,
            pictures::Kind::Png => Self::Png,
            pictures::Kind::Webp => Self::Webp,
            pictures::Kind::Gif => Self::Gif,
            pictures::Kind::Avif => Self::Avif,
        }
    }
}

/// A picture, recognised by its bytes, with nothing in it but what it takes to show it: no position, no
/// camera, no words, turned the right way up.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    kind: ImageKind,
    bytes: Bytes,
}

/// Why bytes are no picture we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidImage {
    /// Not a whole picture of one of the kinds in [`ImageKind`].
    #[error("not a whole JPEG, PNG, WebP, GIF or AVIF picture")]
    Unrecognised,
    /// A picture, but not of the kind that it was said to be.
    #[error("the picture is {}, and was said to be something else", kind.media_type())]
    OtherKind {
        /// What it is.
        kind: ImageKind,
    },
    /// More bytes than we take.
    #[error("the picture is larger than {max_bytes} bytes")]
    TooLarge {
        /// How many we take.
        max_bytes: usize,
    },
    /// More pixels than we take, or than can be turned.
    #[error("the picture has too many pixels")]
    TooManyPixels,
    /// More pictures in an animation than we take.
    #[error("the animation has too many pictures")]
    TooManyFrames,
}

impl From<pictures::Invalid> for InvalidImage {
    fn from(invalid: pictures::Invalid) -> Self {
        match invalid {
            pictures::Invalid::NotAPicture => Self::Unrecognised,
            pictures::Invalid::TooManyPixels => Self::TooManyPixels,
            pictures::Invalid::TooManyFrames => Self::TooManyFrames,
        }
    }
}

impl Image {
    /// The only way in: at most `max_bytes` (the setting `MAX_IMAGE_BYTES`), a picture from its first byte
    /// to its last, and freed of what it tells beside.
    pub fn parse(bytes: Bytes, max_bytes: usize) -> Result<Self, InvalidImage> {
        if bytes.len() > max_bytes {
            return Err(InvalidImage::TooLarge { max_bytes });
        }
        let cleaned = pictures::clean(bytes)?;
        Ok(Self {
            kind: cleaned.kind.into(),
            bytes: cleaned.bytes,
        })
    }

    /// What the bytes are.
    pub fn kind(&self) -> ImageKind {
        self.kind
    }

    /// The picture itself; cheap to clone.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use pictures::testing::samples;

    use super::*;
    use crate::testing::sample;

    #[test]
    fn every_kind_is_recognised_by_its_bytes_and_freed_of_what_it_tells() {
        let mut seen = Vec::new();
        for sample in samples() {
            let image = Image::parse(sample.bytes.clone().into(), usize::MAX).unwrap();
            let cleaned = pictures::clean(sample.bytes.into()).unwrap();
            assert_eq!(image.bytes(), &cleaned.bytes, "{}", sample.name);
            if !seen.contains(&image.kind()) {
                seen.push(image.kind());
            }
        }
        assert_eq!(seen.len(), ImageKind::ALL.len());
    }

    #[test]
    fn a_picture_may_have_as_many_bytes_as_the_setting_says() {
        let size = sample::GIF.len();
        let bytes = Bytes::from_static(sample::GIF);
        assert!(Image::parse(bytes.clone(), size).is_ok());
        let max_bytes = size - 1;
        let refused = Image::parse(bytes, max_bytes);
        assert_eq!(refused, Err(InvalidImage::TooLarge { max_bytes }));
    }

    #[test]
    fn what_is_no_picture_or_too_much_of_one_is_refused() {
        for bytes in [&b""[..], b"text", b"<svg/>", &sample::GIF[..20]] {
            let refused = Image::parse(Bytes::copy_from_slice(bytes), 1_000);
            assert_eq!(refused, Err(InvalidImage::Unrecognised));
        }
        let mut bomb = sample::GIF.to_vec();
        bomb[6..10].fill(0xFF);
        let refused = Image::parse(bomb.into(), 1_000);
        assert_eq!(refused, Err(InvalidImage::TooManyPixels));
    }

    #[test]
    fn kinds_are_named_apart() {
        for (nth, kind) in ImageKind::ALL.into_iter().enumerate() {
            assert_eq!(ImageKind::of_media_type(kind.media_type()), Some(kind));
            let others = &ImageKind::ALL[..nth];
            let same = |other: &ImageKind| other.extension() == kind.extension();
            assert!(!others.iter().any(same));
        }
        assert_eq!(ImageKind::of_media_type("image/svg+xml"), None);
    }

    #[test]
    fn debug_shows_no_bytes() {
        assert_eq!(format!("{:?}", sample::image()), "Image(Gif, 35 bytes)");
    }
}
