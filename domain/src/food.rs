//! Foods: titles, descriptions and owners.

mod description;
mod repository;
mod title;

use crate::clock::Timestamp;
use crate::id::{FoodId, ImageId};
use crate::image::{Format, Image, RenditionKey, Size};
use crate::user::PublicUser;

pub use description::{Description, InvalidDescription};
pub use repository::{
    FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError, UPLOAD_CLAIM_TTL,
};
pub use title::Title;

/// A food somebody recommends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Food {
    /// Which food it is.
    pub id: FoodId,
    /// Who shared it: alone may change or delete it.
    pub creator: PublicUser,
    /// What it is called; no two foods share one.
    pub title: Title,
    /// What it is about.
    pub description: Description,
    /// Its image.
    pub image: Image,
    /// The upload that the image came from, if it was uploaded first. No two foods share one.
    pub upload: Option<ImageId>,
    /// When it was shared.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How often it was saved: a change is made to one version and leads to the next.
    pub version: u64,
}

impl Food {
    /// The key of one rendition of the image.
    pub fn rendition_key(&self, size: Size, format: Format) -> RenditionKey {
        RenditionKey {
            food: self.id,
            image: self.image.id,
            width: size.width,
            format,
        }
    }

    /// The keys of all renditions: narrowest first, JPEG before WebP.
    pub fn rendition_keys(&self) -> Vec<RenditionKey> {
        let sizes = self.image.sizes.as_slice().iter();
        let keys =
            sizes.flat_map(|size| Format::ALL.map(|format| self.rendition_key(*size, format)));
        keys.collect()
    }
}

/// The versions of a food that a client permits to be changed or deleted (`If-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionPrecondition {
    /// Any version.
    None,
    /// One of these versions.
    AnyOf(Vec<u64>),
}

impl VersionPrecondition {
    /// Whether the precondition holds for this version.
    pub fn includes(&self, version: u64) -> bool {
        match self {
            Self::None => true,
            Self::AnyOf(versions) => versions.contains(&version),
        }
    }
}
