//! What people recommend.

use crate::food::{Food, FoodRepository};
use crate::id::FoodId;
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// All foods, newest first.
pub async fn list_food(
    foods: &impl FoodRepository,
    page: PageRequest<FoodId>,
) -> Result<Page<Food>, StorageError> {
    foods.list(page).await
}
