//! Liking a food.

use thiserror::Error;

use super::AuthenticatedUser;
use crate::clock::Clock;
use crate::food::Food;
use crate::like::{Like, LikeRepository};
use crate::storage::StorageError;

/// The likes of a food, as the user sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LikeStatus {
    /// The number of users who like the food.
    pub likes: u64,
    /// Whether the user likes the food.
    pub liked: bool,
}

/// Why the food was not liked.
#[derive(Debug, Error)]
pub enum LikeFoodError {
    /// No food has this id.
    #[error("no such food")]
    NotFound,
    /// The user created the food.
    #[error("users cannot like their own foods")]
    OwnFood,
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Likes the food. Idempotent: a food that the user likes already keeps its likes. `food` is the result of
/// [`FoodRepository::find_consistent`](crate::food::FoodRepository::find_consistent).
pub async fn like_food(
    likes: &impl LikeRepository,
    clock: &impl Clock,
    user: AuthenticatedUser,
    food: Option<&Food>,
) -> Result<LikeStatus, LikeFoodError> {
    let food = food.ok_or(LikeFoodError::NotFound)?;
    if food.creator.id == user.id {
        return Err(LikeFoodError::OwnFood);
    }
    let like = Like { user: user.id, food: food.id, liked_at: clock.now() };
    likes.create(&like).await?;
    Ok(LikeStatus { likes: likes.count(food.id).await?, liked: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fault, faulty, sample};
    use crate::use_cases::test_support::{LikeFixture, authenticated_user, new_user};

    #[tokio::test]
    async fn liking_a_food_twice_counts_once() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        let (ada, eve) = (new_user(), new_user());
        for (user, count) in [(ada, 1), (ada, 1), (eve, 2), (ada, 2)] {
            let status = fixture.like(user, &food).await;
            assert_eq!(status, LikeStatus { likes: count, liked: true });
        }
        assert_eq!(fixture.likes.stored_likes(food.id), 2);
    }

    #[tokio::test]
    async fn users_cannot_like_their_own_foods() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        let owner = authenticated_user(food.creator.id);
        let rejected = like_food(&fixture.likes, &fixture.clock, owner, Some(&food)).await;
        assert!(matches!(rejected, Err(LikeFoodError::OwnFood)));
        assert_eq!(fixture.likes.stored_likes(food.id), 0);
    }

    #[tokio::test]
    async fn unknown_food_cannot_be_liked() {
        let fixture = LikeFixture::new();
        let rejected = like_food(&fixture.likes, &fixture.clock, new_user(), None).await;
        assert!(matches!(rejected, Err(LikeFoodError::NotFound)));
    }

    #[tokio::test]
    async fn retries_after_lost_responses_count_once() {
        for fault in [Fault::ResponseLost, Fault::DeliveredTwice] {
            let fixture = LikeFixture::new();
            let (food, user) = (fixture.add_food().await, new_user());
            let likes = faulty(&fixture.likes, "create", fault);
            let _ = like_food(&likes, &fixture.clock, user, Some(&food)).await;
            assert_eq!(fixture.like(user, &food).await.likes, 1);
            assert_eq!(fixture.likes.stored_likes(food.id), 1);
        }
    }

    #[tokio::test]
    async fn count_equals_stored_likes_after_random_faults() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        let users: Vec<_> = (0..200).map(|_| new_user()).collect();
        let mut random = sample::Random::new(7);
        let faults = [Fault::None, Fault::Unavailable, Fault::ResponseLost, Fault::DeliveredTwice];
        for _ in 0..5_000 {
            let user = users[random.below(users.len())];
            let fault = faults[random.below(faults.len())];
            let likes = crate::testing::Faulty::new(&fixture.likes, async |_| fault);
            if random.below(3) > 0 {
                let _ = like_food(&likes, &fixture.clock, user, Some(&food)).await;
            } else {
                let _ = super::super::unlike_food(&likes, user, Some(&food)).await;
            }
            let count = fixture.likes.count(food.id).await.unwrap();
            assert_eq!(count, fixture.likes.stored_likes(food.id));
        }
    }
}
