//! Foods similar to a food.

use futures_util::future::try_join3;

use super::LookupError;
use super::listed_foods::FoodReader;
use crate::clock::Clock;
use crate::food::{Food, FoodCatalog};
use crate::id::FoodId;
use crate::neighbours::NeighbourStore;
use crate::recommend::{CHOSEN, PAGE, fresh_foods};

/// Returns at most 20 foods: neighbours of the food, then popular and fresh foods. `NotFound` if no food has this id.
///
/// Reads at most 61 foods: 33 R for foods of up to 4 KB, in two round trips unless foods were deleted.
pub async fn similar_food(
    neighbours: &impl NeighbourStore,
    catalog: &impl FoodCatalog,
    clock: &impl Clock,
    food: FoodId,
) -> Result<Vec<Food>, LookupError> {
    let ids = [food];
    let found = try_join3(catalog.find_many(&ids), neighbours.find(&ids), neighbours.find_top());
    let (existing, stored, (_, [popular, _, fresh])) = found.await?;
    if existing.is_empty() {
        return Err(LookupError::NotFound);
    }
    let lists = stored.iter().flat_map(|(_, stored)| stored.value.list.as_slice());
    let mut similar: Vec<_> = lists.map(|neighbour| neighbour.food).collect();
    let popular = popular.value.as_slice().iter().map(|top| top.food);
    for other in popular.chain(fresh_foods(&fresh.value, None, clock.now())) {
        if other != food && !similar.contains(&other) {
            similar.push(other);
        }
    }
    similar.truncate(CHOSEN);
    Ok(FoodReader::new(catalog).first(&similar, PAGE).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::use_cases::test_support::{LikeFixture, new_user};

    async fn similar(fixture: &LikeFixture, food: FoodId) -> Vec<FoodId> {
        let found = similar_food(&fixture.likes, &fixture.foods, &fixture.clock, food).await;
        found.unwrap().into_iter().map(|food| food.id).collect()
    }

    #[tokio::test]
    async fn foods_liked_by_the_same_users_come_first() {
        let fixture = LikeFixture::new();
        let mut foods = Vec::new();
        for _ in 0..6 {
            foods.push(fixture.add_food().await);
        }
        for _ in 0..5 {
            let user = new_user();
            fixture.like(user, &foods[0]).await;
            fixture.like(user, &foods[1]).await;
        }
        for _ in 0..9 {
            fixture.like(new_user(), &foods[2]).await;
        }
        fixture.update().await;
        let found = similar(&fixture, foods[0].id).await;
        // Popular foods follow, and then fresh foods without likes.
        assert_eq!(found[..2], [foods[1].id, foods[2].id]);
        assert_eq!(found.len(), 5);
        fixture.delete_food(foods[1].id).await;
        assert!(!similar(&fixture, foods[0].id).await.contains(&foods[1].id));
    }

    #[tokio::test]
    async fn unknown_food_has_no_similar_foods() {
        let fixture = LikeFixture::new();
        let unknown = FoodId::from_bytes([7; 16]);
        let found = similar_food(&fixture.likes, &fixture.foods, &fixture.clock, unknown).await;
        assert!(matches!(found, Err(LookupError::NotFound)));
    }
}
