//! Getting a food.

use super::LookupError;
use crate::food::{Food, FoodRepository};
use crate::id::FoodId;

/// Returns a food with its creator's name.
pub async fn get_food(foods: &impl FoodRepository, id: FoodId) -> Result<Food, LookupError> {
    foods.find(id).await?.ok_or(LookupError::NotFound)
}
