//! The port to many foods at once.

use super::Food;
use crate::id::FoodId;
use crate::storage::StorageError;

/// Port: foods for lists and recommendations. R and W are read and write units of `DynamoDB`.
pub trait FoodCatalog {
    /// Returns those of these foods (at most 100) that exist, in any order. Eventually consistent. One batch: ½ R for 4 KB.
    async fn find_many(&self, foods: &[FoodId]) -> Result<Vec<Food>, StorageError>;

    /// Returns the ids of those of these foods (at most 100) that exist, in any order. Strongly consistent. One batch: 1 R
    /// for 4 KB.
    async fn find_existing(&self, foods: &[FoodId]) -> Result<Vec<FoodId>, StorageError>;

    /// Sets the number of likes that lists show, but neither the version nor the time of the last update. Returns `false`
    /// if the food does not exist. Costs W by the size of the food, so it follows only changes of 10 %.
    async fn set_likes(&self, food: FoodId, likes: u64) -> Result<bool, StorageError>;

    /// Calls `visit` with the ids of all foods, in any order: for training only. Eventually consistent. Scans an index of keys:
    /// ½ R for about 30 foods.
    async fn scan_ids(&self, visit: impl FnMut(FoodId) + Send) -> Result<(), StorageError>;
}
