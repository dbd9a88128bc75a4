//! One food.

use thiserror::Error;

use crate::food::{Food, FoodRepository};
use crate::id::FoodId;
use crate::storage::StorageError;

/// Why there is no food to show.
#[derive(Debug, Error)]
pub enum GetFoodError {
    /// No food has this id.
    #[error("no such food")]
    NotFound,
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// The food with its creator's name.
pub async fn get_food(foods: &impl FoodRepository, id: FoodId) -> Result<Food, GetFoodError> {
    foods.find(id).await?.ok_or(GetFoodError::NotFound)
}
