//! Images of foods: uploads, renditions and their ports.

mod key;
mod ports;
mod sizes;
mod upload;

use bytes::Bytes;
use thiserror::Error;

pub use key::{InvalidKey, RenditionKey, UploadKey};
pub use ports::{
    ImageRenderer, ImageStore, PresignedPost, StoredObject, UploadSigner, UploadStore,
};
pub use sizes::{InvalidSizes, Size, Sizes, WIDTHS};
pub use upload::{ImageKind, InvalidUpload, InvalidUploadField, NewUpload};

use crate::id::{FoodId, ImageId};

/// The image of a food. Its renditions are objects in a bucket: see [`RenditionKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The id of the image, which is part of the keys of its renditions.
    pub id: ImageId,
    /// The sizes of the image's renditions.
    pub sizes: Sizes,
}

impl Image {
    /// Returns the object key of one rendition.
    pub fn rendition_key(&self, food: FoodId, size: Size, format: Format) -> RenditionKey {
        RenditionKey { food, image: self.id, width: size.width, format }
    }

    /// Returns the object keys of all renditions: narrowest first, JPEG before WebP.
    pub fn rendition_keys(&self, food: FoodId) -> Vec<RenditionKey> {
        let sizes = self.sizes.as_slice().iter();
        sizes
            .flat_map(|size| Format::ALL.map(|format| self.rendition_key(food, *size, format)))
            .collect()
    }
}

/// The image in a request to create or update a food.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ImageSource {
    /// The request has no image.
    #[default]
    None,
    /// The request contains the image: the bytes of a file in the form.
    Inline(Bytes),
    /// The request refers to an upload: its id as the client sent it, not validated.
    Upload(String),
}

/// The file formats of renditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Progressive JPEG. Transparent pixels are blended with white.
    Jpeg,
    /// WebP, which keeps transparency and is smaller. All browsers since 2020 show it.
    WebP,
}

impl Format {
    /// Both formats, in the order in which responses list them.
    pub const ALL: [Self; 2] = [Self::Jpeg, Self::WebP];

    /// Returns the media type of the format: `image/jpeg` or `image/webp`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    /// Returns the file name extension of the format, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
        }
    }
}

/// An image encoded in one size and one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// The size of the rendition in pixels.
    pub size: Size,
    /// The file format of the rendition.
    pub format: Format,
    /// The encoded file.
    pub bytes: Bytes,
}

/// Why an image was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidImage {
    /// The first bytes match none of the formats in [`ImageKind`].
    #[error("not a JPEG, PNG, WebP or GIF image")]
    UnsupportedFormat,
    /// The image cannot be decoded.
    #[error("the image is damaged or incomplete")]
    Malformed,
    /// The image has more bytes than the setting `MAX_IMAGE_BYTES`.
    #[error("the image is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit in bytes.
        max_bytes: usize,
    },
    /// The image has more than 52 megapixels or more than 16,383 pixels a side.
    #[error("the image has too many pixels")]
    TooManyPixels,
    /// Decoding would need too much memory or time.
    #[error("the image is too complex")]
    TooComplex,
}
