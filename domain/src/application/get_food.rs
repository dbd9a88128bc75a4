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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MemoryFoods, sample};

    #[tokio::test]
    async fn a_food_is_found_by_id_with_its_creator() {
        let foods = MemoryFoods::default();
        let ada = sample::public_user(sample::moment());
        let rice = sample::food(&ada);
        foods.create(&rice).await.unwrap();
        let found = get_food(&foods, rice.id).await.unwrap();
        assert_eq!(found.creator, ada);
        assert_eq!(found, rice);
    }

    #[tokio::test]
    async fn an_unknown_food_is_not_found() {
        let unknown = FoodId::new(sample::moment());
        let found = get_food(&MemoryFoods::default(), unknown).await;
        assert!(matches!(found, Err(GetFoodError::NotFound)));
    }
}
