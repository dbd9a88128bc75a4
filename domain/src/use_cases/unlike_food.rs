//! Removing a like.

use futures_util::future::join_all;

use super::{AuthenticatedUser, LikeStatus, LookupError};
use crate::food::Food;
use crate::id::UserId;
use crate::like::LikeRepository;
use crate::storage::StorageError;

/// The number of likes that are deleted at once.
const STEP: usize = 25;

/// Removes the like of the food. Idempotent: succeeds if the user does not like the food. `food` is the result of
/// [`FoodRepository::find_consistent`](crate::food::FoodRepository::find_consistent).
pub async fn unlike_food(
    likes: &impl LikeRepository,
    user: AuthenticatedUser,
    food: Option<&Food>,
) -> Result<LikeStatus, LookupError> {
    let food = food.ok_or(LookupError::NotFound)?;
    likes.delete(user.id, food.id).await?;
    Ok(LikeStatus { likes: likes.count(food.id).await?, liked: false })
}

/// Deletes all likes of a user: a part of deleting the account. Can be interrupted and repeated.
pub async fn delete_likes(likes: &impl LikeRepository, user: UserId) -> Result<(), StorageError> {
    loop {
        let newest = likes.newest_likes(user, STEP).await?;
        if newest.is_empty() {
            return Ok(());
        }
        let deleted = newest.iter().map(|like| likes.delete(user, like.food));
        let deleted = join_all(deleted).await;
        deleted.into_iter().collect::<Result<Vec<_>, _>>()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::use_cases::test_support::{LikeFixture, new_user};

    #[tokio::test]
    async fn removing_a_like_twice_counts_once() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        let (ada, eve) = (new_user(), new_user());
        fixture.like(ada, &food).await;
        fixture.like(eve, &food).await;
        for _ in 0..2 {
            let status = unlike_food(&fixture.likes, ada, Some(&food)).await.unwrap();
            assert_eq!(status, LikeStatus { likes: 1, liked: false });
        }
        let unknown = unlike_food(&fixture.likes, ada, None).await;
        assert!(matches!(unknown, Err(LookupError::NotFound)));
    }

    #[tokio::test]
    async fn all_likes_of_that_user_only_are_deleted() {
        let fixture = LikeFixture::new();
        let (ada, eve) = (new_user(), new_user());
        let mut foods = Vec::new();
        for _ in 0..60 {
            let food = fixture.add_food().await;
            fixture.like(ada, &food).await;
            fixture.like(eve, &food).await;
            foods.push(food);
        }
        delete_likes(&fixture.likes, ada.id).await.unwrap();
        assert!(fixture.likes.newest_likes(ada.id, 100).await.unwrap().is_empty());
        assert_eq!(fixture.likes.newest_likes(eve.id, 100).await.unwrap().len(), 60);
        for food in foods {
            assert_eq!(fixture.likes.count(food.id).await.unwrap(), 1);
        }
    }
}
