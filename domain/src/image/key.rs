//! Object keys of renditions and uploads.

use std::fmt;

use thiserror::Error;

use super::Format;
use crate::id::{FoodId, ImageId, UserId};

/// The error of a text that is not an object key of food-app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an object key of an image")]
pub struct InvalidKey;

/// The key of a rendition: `foods/<food id>/<image id>/<width>.<extension>`.
///
/// Every image has its own id. An object therefore never changes, browsers and the CDN may cache it without
/// expiry, and deleting an image cannot remove a rendition of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RenditionKey {
    /// The food that the image belongs to.
    pub food: FoodId,
    /// The id of the image.
    pub image: ImageId,
    /// The width of the rendition in pixels.
    pub width: u32,
    /// The format of the rendition.
    pub format: Format,
}

/// The key of an upload in the bucket for uploads: `<user id>/<upload id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadKey {
    /// The user who created the upload: only this user can attach the upload to a food.
    pub owner: UserId,
    /// The id of the upload.
    pub id: ImageId,
}

impl RenditionKey {
    /// Parses the key; accepts only the text that `Display` writes.
    pub fn parse(raw: &str) -> Result<Self, InvalidKey> {
        let parse = || {
            let mut parts = raw.strip_prefix("foods/")?.split('/');
            let food = FoodId::parse(parts.next()?).ok()?;
            let image = ImageId::parse(parts.next()?).ok()?;
            let (width, extension) = parts.next()?.split_once('.')?;
            let is_format = |format: &Format| format.extension() == extension;
            Some(Self {
                food,
                image,
                width: width.parse().ok()?,
                format: Format::ALL.into_iter().find(is_format)?,
            })
        };
        canonical(parse(), raw)
    }
}

impl fmt::Display for RenditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { food, image, width, format } = self;
        write!(f, "foods/{food}/{image}/{width}.{}", format.extension())
    }
}

impl UploadKey {
    /// Parses the key; accepts only the text that `Display` writes.
    pub fn parse(raw: &str) -> Result<Self, InvalidKey> {
        let parse = || {
            let (owner, id) = raw.split_once('/')?;
            let owner = UserId::parse(owner).ok()?;
            let id = ImageId::parse(id).ok()?;
            Some(Self { owner, id })
        };
        canonical(parse(), raw)
    }
}

impl fmt::Display for UploadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.id)
    }
}

/// Returns the key if `raw` is its canonical text, and rejects ids and numbers that are written differently.
fn canonical<K: fmt::Display>(key: Option<K>, raw: &str) -> Result<K, InvalidKey> {
    key.filter(|key| key.to_string() == raw).ok_or(InvalidKey)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0192f1a0-0000-7000-8000-00000000000a";

    #[test]
    fn object_keys_parse_as_written() {
        for raw in [format!("foods/{ID}/{ID}/320.jpg"), format!("foods/{ID}/{ID}/1.webp")] {
            assert_eq!(RenditionKey::parse(&raw).unwrap().to_string(), raw);
        }
        let raw = format!("{ID}/{ID}");
        assert_eq!(UploadKey::parse(&raw).unwrap().to_string(), raw);
    }

    #[test]
    fn malformed_object_keys_are_rejected() {
        let uppercase = ID.to_uppercase();
        for raw in [
            "",
            "foods",
            &format!("foods/{ID}"),
            &format!("foods/{ID}/{ID}"),
            &format!("foods/{ID}/{ID}/"),
            &format!("foods/{ID}/{ID}/320"),
            &format!("foods/{ID}/{ID}/320.svg"),
            &format!("foods/{ID}/{ID}/320.JPG"),
            &format!("foods/{ID}/{ID}/0320.jpg"),
            &format!("foods/{ID}/{ID}/+320.jpg"),
            &format!("foods/{ID}/{ID}/320.jpg/"),
            &format!("foods/{ID}/{ID}/320.jpg "),
            &format!("foods/{ID}/../320.jpg"),
            &format!("foods/{uppercase}/{ID}/320.jpg"),
            &format!("/foods/{ID}/{ID}/320.jpg"),
            &format!("{uppercase}/{ID}"),
            &format!("{ID}/{ID}/"),
            &format!("/{ID}/{ID}"),
        ] {
            assert_eq!(RenditionKey::parse(raw), Err(InvalidKey), "{raw}");
            assert_eq!(UploadKey::parse(raw), Err(InvalidKey), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn parsing_an_object_key_never_panics(prefix in prop::sample::select(vec!["", "foods/"]), raw: String) {
            let _ = RenditionKey::parse(&format!("{prefix}{raw}"));
            let _ = UploadKey::parse(&raw);
        }
    }
}
