//! Getting a food.

use super::LookupError;
use crate::food::{Food, FoodRepository};
use crate::id::FoodId;

/// Returns the food with the public name of its creator; `NotFound` if no food has this id.
pub async fn get_food(foods: &impl FoodRepository, id: FoodId) -> Result<Food, LookupError> {
    foods.find(id).await?.ok_or(LookupError::NotFound)
}
