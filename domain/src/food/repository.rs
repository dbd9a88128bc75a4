//! The port to foods.

use std::time::Duration;

use thiserror::Error;

use super::Food;
use crate::id::{FoodId, ImageId, UserId};
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// Why a new food was not saved.
#[derive(Debug, Error)]
pub enum InsertFoodError {
    /// Another food has the title; nothing was written.
    #[error("the title is taken")]
    TitleTaken,
    /// The upload belongs to another food; nothing was written.
    #[error("the upload is taken")]
    UploadTaken,
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a change to a food was not saved.
#[derive(Debug, Error)]
pub enum ReplaceFoodError {
    /// Another food has the title; nothing was written.
    #[error("the title is taken")]
    TitleTaken,
    /// The upload belongs to another food; nothing was written.
    #[error("the upload is taken")]
    UploadTaken,
    /// The food was deleted or has another version; nothing was written.
    #[error("the food was modified concurrently")]
    VersionConflict,
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a food was not deleted.
#[derive(Debug, Error)]
pub enum RemoveFoodError {
    /// The food was deleted or has another version; nothing was deleted.
    #[error("the food was modified concurrently")]
    VersionConflict,
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// How long it is remembered which food an upload was given to: longer than the upload can be there.
pub const UPLOAD_CLAIM_TTL: Duration = Duration::from_hours(7 * 24);

/// The foods everyone can see.
pub trait FoodRepository {
    /// Saves a new food; MUST return `TitleTaken`, and write nothing, when a food has its folded title
    /// or its id, and `UploadTaken` when another food was ever given its upload. That is remembered for
    /// [`UPLOAD_CLAIM_TTL`].
    async fn create(&self, food: &Food) -> Result<(), InsertFoodError>;

    /// `None` when no food has this id. May lag behind by moments: for showing.
    async fn find(&self, id: FoodId) -> Result<Option<Food>, StorageError>;

    /// `None` when no food has this id. Sees every save made before: for deciding.
    async fn find_consistent(&self, id: FoodId) -> Result<Option<Food>, StorageError>;

    /// All foods, newest first.
    async fn list(&self, page: PageRequest<FoodId>) -> Result<Page<Food>, StorageError>;

    /// The images of those of these foods that exist, in any order. Strongly consistent.
    async fn find_images(&self, ids: &[FoodId]) -> Result<Vec<ImageId>, StorageError>;

    /// The foods of one user, oldest first. May lag behind by moments.
    async fn list_by_owner(
        &self,
        owner: UserId,
        page: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, StorageError>;

    /// Puts `changed` in the place of `current`; MUST return `Changed` when the stored version or
    /// owner is not that of `current`, `TitleTaken` when another food has the new title, and
    /// `UploadTaken` when another food was given the new upload.
    /// The old title is free from then on.
    async fn update(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError>;

    /// Deletes this version of the food; its title is free from then on.
    async fn delete(&self, food: &Food) -> Result<(), RemoveFoodError>;
}
