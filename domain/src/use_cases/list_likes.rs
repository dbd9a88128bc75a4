//! Listing the foods that a user likes.

use super::AuthenticatedUser;
use super::listed_foods::{FoodPage, FoodReader};
use crate::food::FoodCatalog;
use crate::id::FoodId;
use crate::like::{Like, LikePosition, LikeRepository};
use crate::page::PageRequest;
use crate::storage::StorageError;

/// Lists the foods that the user likes, newest like first. Foods that were just deleted are left out, and a page of large
/// foods ends early: it may have fewer foods than requested, although another page follows.
pub async fn list_likes(
    likes: &impl LikeRepository,
    catalog: &impl FoodCatalog,
    user: AuthenticatedUser,
    page: PageRequest<LikePosition>,
) -> Result<FoodPage<LikePosition>, StorageError> {
    let page = likes.list(user.id, page).await?;
    FoodReader::new(catalog).page(&page, |like| like.food, Like::position).await
}

/// Returns which of these foods (at most 100) the user likes, in the order of `foods`.
pub async fn list_liked_among(
    likes: &impl LikeRepository,
    user: AuthenticatedUser,
    foods: &[FoodId],
) -> Result<Vec<FoodId>, StorageError> {
    let liked = likes.find_liked(user.id, foods).await?;
    Ok(foods.iter().copied().filter(|food| liked.contains(food)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageSize;
    use crate::use_cases::test_support::{LikeFixture, new_user};

    #[tokio::test]
    async fn liked_foods_are_listed_newest_like_first() {
        let fixture = LikeFixture::new();
        let user = new_user();
        let mut liked = Vec::new();
        for _ in 0..60 {
            let food = fixture.add_food().await;
            fixture.like(user, &food).await;
            liked.push(food.id);
        }
        let deleted = liked.remove(40);
        fixture.delete_food(deleted).await;
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { after, size: PageSize::parse("25").unwrap() };
            let page = list_likes(&fixture.likes, &fixture.foods, user, page).await.unwrap();
            listed.extend(page.foods.into_iter().map(|food| food.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        liked.reverse();
        assert_eq!(listed, liked);
    }

    #[tokio::test]
    async fn liked_foods_among_others_keep_their_order() {
        let fixture = LikeFixture::new();
        let (user, mut foods) = (new_user(), Vec::new());
        for nth in 0..6 {
            let food = fixture.add_food().await;
            if nth % 2 == 0 {
                fixture.like(user, &food).await;
            }
            foods.push(food.id);
        }
        foods.reverse();
        let liked = list_liked_among(&fixture.likes, user, &foods).await.unwrap();
        assert_eq!(liked, [foods[1], foods[3], foods[5]]);
    }
}
