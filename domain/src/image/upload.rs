//! Pictures that are uploaded first and belong to a food later.

use bytes::Bytes;
use thiserror::Error;

use super::{Image, ImageKind, InvalidImage, UploadKey};

/// What somebody wants to upload, once it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewUpload {
    /// What it is said to be.
    pub kind: ImageKind,
    /// How many bytes it has.
    pub bytes: usize,
}

/// What is wrong with a field of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUploadField {
    /// Nobody says what it is.
    #[error("a content type is required")]
    KindRequired,
    /// It is said to be nothing that we take.
    #[error("not a type of picture we take")]
    UnknownKind,
    /// Nobody says how large it is, or it is nothing.
    #[error("a size is required")]
    SizeRequired,
    /// It has more bytes than we take.
    #[error("the picture is larger than {max_bytes} bytes")]
    TooLarge {
        /// How many we take.
        max_bytes: usize,
    },
}

/// Everything wrong with an upload; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the upload is not valid: {0:?}")]
pub struct InvalidUpload(pub Vec<InvalidUploadField>);

impl NewUpload {
    /// Checks everything and tells all that is wrong at once. What is missing is `None`.
    pub fn parse(
        media_type: Option<&str>,
        bytes: Option<u64>,
        max_bytes: usize,
    ) -> Result<Self, InvalidUpload> {
        let kind = media_type
            .filter(|media_type| !media_type.trim().is_empty())
            .ok_or(InvalidUploadField::KindRequired)
            .and_then(|media_type| {
                let kind = ImageKind::of_media_type(media_type.trim());
                kind.ok_or(InvalidUploadField::UnknownKind)
            });
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
                let wrong = [kind.err(), bytes.err()];
                Err(InvalidUpload(wrong.into_iter().flatten().collect()))
            }
        }
    }
}

/// Bytes that somebody uploaded. What they are, nobody has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Where they are.
    pub key: UploadKey,
    /// What they were said to be.
    pub declared: Option<ImageKind>,
    /// The bytes themselves.
    pub bytes: Bytes,
}

impl Upload {
    /// The picture, where it is one, and of the kind that it was said to be.
    pub fn open(&self, max_bytes: usize) -> Result<Image, InvalidImage> {
        let image = Image::parse(self.bytes.clone(), max_bytes)?;
        if self.declared == Some(image.kind()) {
            Ok(image)
        } else {
            Err(InvalidImage::OtherKind { kind: image.kind() })
        }
    }
}

/// The picture that a request gives, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum GivenImage {
    /// None.
    #[default]
    None,
    /// A file in the request itself.
    File(Bytes),
    /// What was uploaded before.
    Upload(Upload),
    /// An upload that is not there, or is somebody else's.
    NoSuchUpload,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock as _;
    use crate::id::{ImageId, UserId};
    use crate::testing::{FixedClock, sample};

    fn wrong(media_type: Option<&str>, bytes: Option<u64>) -> Vec<InvalidUploadField> {
        NewUpload::parse(media_type, bytes, 1_000).unwrap_err().0
    }

    #[test]
    fn an_upload_has_a_kind_and_a_size_that_we_take() {
        for kind in ImageKind::ALL {
            let new = NewUpload::parse(Some(kind.media_type()), Some(1_000), 1_000);
            assert_eq!(new, Ok(NewUpload { kind, bytes: 1_000 }));
        }
        let shouted = NewUpload::parse(Some(" IMAGE/JPEG "), Some(1), 1_000);
        assert_eq!(shouted.unwrap().kind, ImageKind::Jpeg);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        use InvalidUploadField::{KindRequired, SizeRequired, TooLarge, UnknownKind};
        assert_eq!(wrong(None, None), [KindRequired, SizeRequired]);
        assert_eq!(wrong(Some(" "), Some(0)), [KindRequired, SizeRequired]);
        let too_large = TooLarge { max_bytes: 1_000 };
        for media_type in ["image/svg+xml", "text/html", "image/jpeg; q=1", "jpeg"] {
            let found = wrong(Some(media_type), Some(1_001));
            assert_eq!(found, [UnknownKind, too_large], "{media_type}");
        }
        assert_eq!(wrong(Some("image/png"), Some(u64::MAX)), [too_large]);
    }

    #[test]
    fn an_upload_is_opened_as_what_it_was_said_to_be_and_as_nothing_else() {
        let owner = UserId::new(sample::moment());
        let upload = |declared| Upload {
            key: UploadKey::new(owner, ImageId::new(FixedClock::default().now())),
            declared,
            bytes: Bytes::from_static(sample::GIF),
        };
        let opened = upload(Some(ImageKind::Gif)).open(1_000);
        assert_eq!(opened, Ok(sample::image()));
        let other = InvalidImage::OtherKind {
            kind: ImageKind::Gif,
        };
        for declared in [None, Some(ImageKind::Png)] {
            assert_eq!(upload(declared).open(1_000), Err(other));
        }
        let too_large = upload(Some(ImageKind::Gif)).open(10);
        assert_eq!(too_large, Err(InvalidImage::TooLarge { max_bytes: 10 }));
        let html = Upload {
            bytes: Bytes::from_static(b"<script>"),
            ..upload(Some(ImageKind::Gif))
        };
        assert_eq!(html.open(1_000), Err(InvalidImage::Unrecognised));
    }
}
