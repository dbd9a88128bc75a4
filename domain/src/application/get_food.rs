//! One food.

use thiserror::Error;

use crate::food::Food;
use crate::id::FoodId;
use crate::repository::{FoodRepository, RepositoryError};

/// Why there is no food to show.
#[derive(Debug, Error)]
pub enum GetFoodError {
    /// No food has this id.
    #[error("no such food")]
    NotFound,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// The food with its creator's name.
pub async fn get_food(foods: &impl FoodRepository, id: FoodId) -> Result<Food, GetFoodError> {
    foods.find(id).await?.ok_or(GetFoodError::NotFound)
}
