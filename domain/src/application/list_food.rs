//! What people recommend.

use crate::food::Food;
use crate::id::FoodId;
use crate::page::{Page, PageRequest};
use crate::repository::{FoodRepository, RepositoryError};

/// All foods, newest first.
pub async fn list_food(
    foods: &impl FoodRepository,
    page: PageRequest<FoodId>,
) -> Result<Page<Food>, RepositoryError> {
    foods.list(page).await
}
