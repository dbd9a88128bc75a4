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

/// A food that a user recommends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Food {
    /// Its id.
    pub id: FoodId,
    /// The public name of the owner. Only the owner may change or delete the food.
    pub creator: PublicUser,
    /// Its title, unique by [`Title::folded`].
    pub title: Title,
    /// Its description, as sanitized HTML.
    pub description: Description,
    /// Its image.
    pub image: Image,
    /// The upload that the image was rendered from; `None` if the form contained the image. Unique.
    pub upload: Option<ImageId>,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The time of its last update.
    pub updated_at: Timestamp,
    /// Its version, from 1: an update requires the current version and increments it.
    pub version: u64,
}

impl Food {
    /// Returns the object key of one rendition of the image.
    pub fn rendition_key(&self, size: Size, format: Format) -> RenditionKey {
        RenditionKey { food: self.id, image: self.image.id, width: size.width, format }
    }

    /// Returns the object keys of all renditions: narrowest first, JPEG before WebP.
    pub fn rendition_keys(&self) -> Vec<RenditionKey> {
        self.image.rendition_keys(self.id)
    }
}

/// The versions of a food that a request may change or delete (`If-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionPrecondition {
    /// Any version.
    None,
    /// One of these versions.
    AnyOf(Vec<u64>),
}

impl VersionPrecondition {
    /// Returns whether the precondition holds for this version.
    pub fn includes(&self, version: u64) -> bool {
        match self {
            Self::None => true,
            Self::AnyOf(versions) => versions.contains(&version),
        }
    }
}
