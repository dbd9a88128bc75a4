//! Listing the foods of one user.

use super::listed_foods::{FoodPage, FoodReader};
use crate::food::{FoodCatalog, FoodRepository};
use crate::id::{FoodId, UserId};
use crate::page::PageRequest;
use crate::storage::StorageError;

/// Lists the foods that the user created, newest first. An unknown user has none. Foods that were just deleted are left out,
/// and a page of large foods ends early: it may have fewer foods than requested, although another page follows.
pub async fn list_user_food(
    foods: &(impl FoodRepository + FoodCatalog),
    owner: UserId,
    page: PageRequest<FoodId>,
) -> Result<FoodPage<FoodId>, StorageError> {
    let ids = foods.list_by_owner(owner, page).await?;
    FoodReader::new(foods).page(&ids, |id| *id, |id| *id).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageSize;
    use crate::use_cases::test_support::{LikeFixture, new_user};

    #[tokio::test]
    async fn foods_of_the_user_are_listed_newest_first() {
        let fixture = LikeFixture::new();
        let user = new_user();
        let mut foods = Vec::new();
        for _ in 0..7 {
            foods.push(fixture.add_food_of(user.id).await);
            fixture.add_food().await;
        }
        foods.reverse();
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { after, size: PageSize::parse("3").unwrap() };
            let page = list_user_food(&fixture.foods, user.id, page).await.unwrap();
            listed.extend(page.foods);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, foods);
    }
}
