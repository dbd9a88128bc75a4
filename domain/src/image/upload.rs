//! Uploads: images that clients send to a bucket before they attach them to a food.

use thiserror::Error;

/// The image formats that users may upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
    /// `image/webp`
    WebP,
    /// `image/gif`
    Gif,
}

impl ImageKind {
    /// All accepted formats.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::WebP, Self::Gif];

    /// Returns the media type of the format, such as `image/jpeg`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// Parses a declared media type; case does not matter. `image/jpg` is no registered type, but common.
    fn parse(media_type: &str) -> Option<Self> {
        if media_type.eq_ignore_ascii_case("image/jpg") {
            return Some(Self::Jpeg);
        }
        let matches = |kind: &Self| kind.media_type().eq_ignore_ascii_case(media_type);
        Self::ALL.into_iter().find(matches)
    }
}

/// A valid request for a presigned POST that uploads an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewUpload {
    /// The declared format. The real format is detected from the bytes when the upload is attached.
    pub kind: ImageKind,
    /// The exact size of the file in bytes.
    pub bytes: usize,
}

/// One invalid field of a request for an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUploadField {
    /// The content type is missing.
    #[error("a content type is required")]
    KindRequired,
    /// The content type is not in [`ImageKind`].
    #[error("the content type is not supported")]
    UnknownKind,
    /// The size is missing or zero.
    #[error("a size is required")]
    SizeRequired,
    /// The size exceeds the setting `MAX_IMAGE_BYTES`.
    #[error("the image is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit in bytes.
        max_bytes: usize,
    },
}

/// All invalid fields of a request for an upload; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the upload is not valid: {0:?}")]
pub struct InvalidUpload(pub Vec<InvalidUploadField>);

impl NewUpload {
    /// Validates type and size, and reports all errors in the order of the fields. `None` is a missing field.
    pub fn parse(
        media_type: Option<&str>,
        bytes: Option<u64>,
        max_bytes: usize,
    ) -> Result<Self, InvalidUpload> {
        let kind = match media_type.map(str::trim) {
            None | Some("") => Err(InvalidUploadField::KindRequired),
            Some(media_type) => ImageKind::parse(media_type).ok_or(InvalidUploadField::UnknownKind),
        };
        let bytes = match bytes {
            None | Some(0) => Err(InvalidUploadField::SizeRequired),
            Some(bytes) => usize::try_from(bytes)
                .ok()
                .filter(|bytes| *bytes <= max_bytes)
                .ok_or(InvalidUploadField::TooLarge { max_bytes }),
        };
        match (kind, bytes) {
            (Ok(kind), Ok(bytes)) => Ok(Self { kind, bytes }),
            (kind, bytes) => {
                let invalid = [kind.err(), bytes.err()];
                Err(InvalidUpload(invalid.into_iter().flatten().collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalid(media_type: Option<&str>, bytes: Option<u64>) -> Vec<InvalidUploadField> {
        NewUpload::parse(media_type, bytes, 1_000).unwrap_err().0
    }

    #[test]
    fn upload_with_accepted_type_and_size_is_valid() {
        for kind in ImageKind::ALL {
            let new = NewUpload::parse(Some(kind.media_type()), Some(1_000), 1_000);
            assert_eq!(new, Ok(NewUpload { kind, bytes: 1_000 }));
        }
        for jpeg in [" IMAGE/JPEG ", "image/jpg", "Image/JPG"] {
            let new = NewUpload::parse(Some(jpeg), Some(1), 1_000);
            assert_eq!(new.unwrap().kind, ImageKind::Jpeg);
        }
    }

    #[test]
    fn invalid_upload_request_returns_all_field_errors() {
        use InvalidUploadField::{KindRequired, SizeRequired, TooLarge, UnknownKind};
        assert_eq!(invalid(None, None), [KindRequired, SizeRequired]);
        assert_eq!(invalid(Some(" "), Some(0)), [KindRequired, SizeRequired]);
        let too_large = TooLarge { max_bytes: 1_000 };
        for media_type in ["image/svg+xml", "image/avif", "image/jpeg; q=1", "jpeg"] {
            let errors = invalid(Some(media_type), Some(1_001));
            assert_eq!(errors, [UnknownKind, too_large], "{media_type}");
        }
        assert_eq!(invalid(Some("image/png"), Some(u64::MAX)), [too_large]);
    }
}
