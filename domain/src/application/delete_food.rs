//! Taking a food back.

use thiserror::Error;

use crate::food::Food;
use crate::id::{FoodId, UserId};
use crate::repository::{self, FoodRepository, RepositoryError};
use crate::store::ImageStore;

/// How often it is tried again on what others made of the food meanwhile.
const MAX_ATTEMPTS: usize = 64;

/// Why the food is still there.
#[derive(Debug, Error)]
pub enum DeleteFoodError {
    /// No food has this id.
    #[error("no such food")]
    NotFound,
    /// It is somebody else's.
    #[error("the food is somebody else's")]
    NotOwner,
    /// Others keep changing it.
    #[error("the food is being changed too often")]
    Busy,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Deletes the food, frees its title and then removes its picture.
pub async fn delete_food(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    id: FoodId,
    user: UserId,
) -> Result<(), DeleteFoodError> {
    let deleted = delete(foods, id, user).await?;
    // The food is gone; a picture left behind is the sweep's business.
    let _ = images.delete(&deleted.image).await;
    Ok(())
}

async fn delete(
    foods: &impl FoodRepository,
    id: FoodId,
    user: UserId,
) -> Result<Food, DeleteFoodError> {
    for _ in 0..MAX_ATTEMPTS {
        let food = foods
            .find_latest(id)
            .await?
            .ok_or(DeleteFoodError::NotFound)?;
        if food.creator.id != user {
            return Err(DeleteFoodError::NotOwner);
        }
        match foods.delete(&food).await {
            Ok(()) => return Ok(food),
            Err(repository::DeleteFoodError::Changed) => {}
            Err(repository::DeleteFoodError::Repository(error)) => return Err(error.into()),
        }
    }
    Err(DeleteFoodError::Busy)
}
