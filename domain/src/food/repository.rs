//! The port to stored foods.

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
    /// The account of the creator was deleted; nothing was written.
    #[error("the account of the creator was deleted")]
    CreatorGone,
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why an update of a food was not saved.
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
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a food was not deleted.
#[derive(Debug, Error)]
pub enum RemoveFoodError {
    /// The food was deleted or has another version; nothing was deleted.
    #[error("the food was modified concurrently")]
    VersionConflict,
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// How long an upload claim is stored. It prevents a second use of the upload, so it outlives the upload.
pub const UPLOAD_CLAIM_TTL: Duration = Duration::from_hours(7 * 24);

/// Port: stored foods. Titles are unique by their folded form, uploads by their id.
pub trait FoodRepository {
    /// Inserts a food in one transaction with its title and its upload, on the condition that the account of
    /// its creator exists. MUST return `CreatorGone` if it does not, else `TitleTaken` if a food with this
    /// folded title or id exists, else `UploadTaken` if another food has or had the upload (stored for
    /// [`UPLOAD_CLAIM_TTL`]).
    async fn create(&self, food: &Food) -> Result<(), InsertFoodError>;

    /// Returns the food; `None` if there is none with this id. Eventually consistent: for public reads.
    async fn find(&self, id: FoodId) -> Result<Option<Food>, StorageError>;

    /// Returns the food; `None` if there is none with this id. Strongly consistent: for checks before writes.
    async fn find_consistent(&self, id: FoodId) -> Result<Option<Food>, StorageError>;

    /// Lists all foods, newest first. Eventually consistent. A page of large foods may end before its size.
    async fn list(&self, page: PageRequest<FoodId>) -> Result<Page<Food>, StorageError>;

    /// Returns the image ids of those of these foods that exist, in any order. Strongly consistent.
    async fn find_images(&self, ids: &[FoodId]) -> Result<Vec<ImageId>, StorageError>;

    /// Lists the ids of one user's foods, newest first. Eventually consistent.
    async fn list_by_owner(
        &self,
        owner: UserId,
        page: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, StorageError>;

    /// Replaces `current` by `changed` in one transaction and releases the old title. MUST return
    /// `VersionConflict` if the stored version or owner differs from `current`, `TitleTaken` if another food
    /// has the new title, and `UploadTaken` if another food has or had the new upload.
    async fn update(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError>;

    /// Deletes this version of the food and releases its title. MUST return `VersionConflict` if the stored
    /// version or owner differs.
    async fn delete(&self, food: &Food) -> Result<(), RemoveFoodError>;
}
