//! Foods: titles, descriptions and owners.

mod catalog;
mod description;
mod repository;
mod title;

use crate::clock::Timestamp;
use crate::id::{FoodId, ImageId};
use crate::image::{Format, Image, RenditionKey, Size};
use crate::user::PublicUser;

pub use catalog::FoodCatalog;
pub use description::{Description, InvalidDescription};
pub use repository::{
    FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError, UPLOAD_CLAIM_TTL,
};
pub use title::Title;

/// A food that a user recommends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Food {
    /// The id of the food.
    pub id: FoodId,
    /// The id and name of the owner. Only the owner may change or delete the food.
    pub creator: PublicUser,
    /// The title of the food, unique by [`Title::folded`].
    pub title: Title,
    /// The description of the food, as sanitized HTML.
    pub description: Description,
    /// The image of the food: an id and the sizes of its renditions.
    pub image: Image,
    /// The unique upload that the image was rendered from; `None` if the form contained the image.
    pub upload: Option<ImageId>,
    /// The time when the food was created.
    pub created_at: Timestamp,
    /// The time when the food was last updated, at first the time of creation.
    pub updated_at: Timestamp,
    /// The version of the food, from 1: an update requires the current version and increments it.
    pub version: u64,
    /// The number of likes that lists show. It may lag behind [`LikeRepository::count`](crate::like::LikeRepository::count);
    /// only [`FoodCatalog::set_likes`] writes it.
    pub likes: u64,
}

impl Food {
    /// Returns the object key of one rendition of the image.
    pub fn rendition_key(&self, size: Size, format: Format) -> RenditionKey {
        self.image.rendition_key(self.id, size, format)
    }

    /// Returns the object keys of all renditions of the image: narrowest first, JPEG before WebP.
    pub fn rendition_keys(&self) -> Vec<RenditionKey> {
        self.image.rendition_keys(self.id)
    }
}

/// The versions of a food that a request may change or delete (`If-Match`, `If-None-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionPrecondition {
    /// Any version: the request has no precondition, or `If-Match: *`.
    None,
    /// Only one of these versions, as listed in `If-Match`.
    AnyOf(Vec<u64>),
    /// All versions except these, as listed in `If-None-Match`.
    NoneOf(Vec<u64>),
}

impl VersionPrecondition {
    /// Returns whether the precondition holds for this version.
    pub fn includes(&self, version: u64) -> bool {
        match self {
            Self::None => true,
            Self::AnyOf(versions) => versions.contains(&version),
            Self::NoneOf(versions) => !versions.contains(&version),
        }
    }
}
