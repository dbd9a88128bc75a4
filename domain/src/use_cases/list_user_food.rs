//! Listing the foods of one user.

use crate::food::{FoodCatalog, ListedFood};
use crate::id::{FoodId, UserId};
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// Lists the foods that the user created, newest first. An unknown user has none.
pub async fn list_user_food(
    catalog: &impl FoodCatalog,
    owner: UserId,
    page: PageRequest<FoodId>,
) -> Result<Page<ListedFood>, StorageError> {
    catalog.list_of_owner(owner, page).await
}
