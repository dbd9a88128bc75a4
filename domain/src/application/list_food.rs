//! What people recommend.

use crate::food::{Food, FoodRepository};
use crate::id::FoodId;
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// All foods, newest first.
pub async fn list_food(
    foods: &impl FoodRepository,
    page: PageRequest<FoodId>,
) -> Result<Page<Food>, StorageError> {
    foods.list(page).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageSize;
    use crate::testing::{MemoryFoods, sample};

    fn part(after: Option<FoodId>, size: PageSize) -> PageRequest<FoodId> {
        PageRequest { after, size }
    }

    #[tokio::test]
    async fn every_food_is_listed_once_and_newest_first() {
        let foods = MemoryFoods::default();
        let ada = sample::public_user(sample::moment());
        let mut all = Vec::new();
        for _ in 0..5 {
            let food = sample::food(&ada);
            foods.create(&food).await.unwrap();
            all.insert(0, food);
        }
        let two = PageSize::parse("2").unwrap();
        let page = list_food(&foods, part(None, two)).await.unwrap();
        assert_eq!((page.items.as_slice(), page.more), (&all[..2], true));
        let page = list_food(&foods, part(Some(all[1].id), two)).await.unwrap();
        assert_eq!((page.items.as_slice(), page.more), (&all[2..4], true));
        let page = list_food(&foods, part(Some(all[3].id), two)).await.unwrap();
        assert_eq!((page.items.as_slice(), page.more), (&all[4..], false));
    }

    #[tokio::test]
    async fn a_part_holds_at_most_a_hundred() {
        let foods = MemoryFoods::default();
        let ada = sample::public_user(sample::moment());
        for _ in 0..101 {
            foods.create(&sample::food(&ada)).await.unwrap();
        }
        let page = list_food(&foods, part(None, PageSize::default())).await;
        let page = page.unwrap();
        assert_eq!((page.items.len(), page.more), (100, true));
        let last = page.items.last().map(|food| food.id);
        let page = list_food(&foods, part(last, PageSize::default())).await;
        let page = page.unwrap();
        assert_eq!((page.items.len(), page.more), (1, false));
    }

    #[tokio::test]
    async fn where_no_food_is_the_list_is_empty() {
        let page = list_food(&MemoryFoods::default(), part(None, PageSize::default())).await;
        let page = page.unwrap();
        assert!(page.items.is_empty() && !page.more);
    }
}
