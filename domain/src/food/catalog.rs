//! The port to foods that are listed: many foods at once, with the likes that lists show.

use super::Food;
use crate::id::{FoodId, UserId};
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// A food with the number of likes that lists show. It may lag behind
/// [`LikeRepository::count`](crate::like::LikeRepository::count).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFood {
    /// The food.
    pub food: Food,
    /// The number of likes when the neighbours of the food were last computed.
    pub likes: u64,
}

/// Port: foods for lists. R and W are read and write units of `DynamoDB`.
pub trait FoodCatalog {
    /// Returns those of these foods (at most 100) that exist, in any order. Eventually consistent. One batch: ½ R for 4 KB.
    async fn find_many(&self, foods: &[FoodId]) -> Result<Vec<ListedFood>, StorageError>;

    /// Returns the ids of those of these foods (at most 100) that exist, in any order. Strongly consistent. One batch: 1 R
    /// for 4 KB.
    async fn find_existing(&self, foods: &[FoodId]) -> Result<Vec<FoodId>, StorageError>;

    /// Lists the foods of one user, newest first. Eventually consistent. A page of large foods may end before its size.
    async fn list_of_owner(
        &self,
        owner: UserId,
        page: PageRequest<FoodId>,
    ) -> Result<Page<ListedFood>, StorageError>;

    /// Sets the number of likes that lists show, but neither the version nor the time of the last update. Returns `false`
    /// if the food does not exist. Costs W by the size of the food, so it follows only changes of 10 %.
    async fn set_likes(&self, food: FoodId, likes: u64) -> Result<bool, StorageError>;

    /// Calls `visit` with the ids of all foods, in any order: for training only. Eventually consistent. Scans an index of keys:
    /// ½ R for about 30 foods.
    async fn scan_ids(&self, visit: impl FnMut(FoodId) + Send) -> Result<(), StorageError>;
}
