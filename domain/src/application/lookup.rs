//! Looking up one food or one user.

use thiserror::Error;

use crate::food::{Food, FoodRepository};
use crate::id::{FoodId, UserId};
use crate::storage::StorageError;
use crate::user::{PublicUser, UserRepository};

/// Why one entity is not returned.
#[derive(Debug, Error)]
pub enum LookupError {
    /// No entity has this id, or none that the caller may see.
    #[error("not found")]
    NotFound,
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// The food with its creator's name.
pub async fn get_food(foods: &impl FoodRepository, id: FoodId) -> Result<Food, LookupError> {
    foods.find(id).await?.ok_or(LookupError::NotFound)
}

/// The public part of the user.
pub async fn get_user(users: &impl UserRepository, id: UserId) -> Result<PublicUser, LookupError> {
    users.find(id).await?.ok_or(LookupError::NotFound)
}
