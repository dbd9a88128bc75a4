//! Getting a food.

use futures_util::future::try_join3;

use super::LookupError;
use crate::food::{Food, FoodRepository};
use crate::id::{FoodId, UserId};
use crate::like::LikeRepository;

/// A food as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoodView {
    /// The food with the public name of its creator and the exact number of likes.
    pub food: Food,
    /// Whether the user likes the food; `None` for an anonymous caller.
    pub liked: Option<bool>,
}

/// Returns the food as the user sees it, or an anonymous caller (`None`); `NotFound` if no food has this id. The caller
/// must check the session of the user, and may do so concurrently.
///
/// 2 R for a food of up to 4 KB, in one round trip: the food ½, the number of likes 1, the like of the user ½.
pub async fn get_food(
    foods: &impl FoodRepository,
    likes: &impl LikeRepository,
    id: FoodId,
    user: Option<UserId>,
) -> Result<FoodView, LookupError> {
    let liked = async {
        match user {
            Some(user) => Ok(Some(!likes.find_liked(user, &[id]).await?.is_empty())),
            None => Ok(None),
        }
    };
    let (food, likes, liked) = try_join3(foods.find(id), likes.count(id), liked).await?;
    let food = food.ok_or(LookupError::NotFound)?;
    Ok(FoodView { food: Food { likes, ..food }, liked })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unavailable;
    use crate::use_cases::test_support::{LikeFixture, new_user};

    #[tokio::test]
    async fn food_has_its_exact_likes_and_whether_the_user_likes_it() {
        let fixture = LikeFixture::new();
        let (food, ada, eve) = (fixture.add_food().await, new_user(), new_user());
        fixture.like(ada, &food).await;
        for (user, liked) in [(Some(ada.id), Some(true)), (Some(eve.id), Some(false)), (None, None)]
        {
            let view = get_food(&fixture.foods, &fixture.likes, food.id, user).await.unwrap();
            assert_eq!((view.food.likes, view.liked), (1, liked));
        }
        fixture.delete_food(food.id).await;
        let gone = get_food(&fixture.foods, &fixture.likes, food.id, None).await;
        assert!(matches!(gone, Err(LookupError::NotFound)));
        let down = get_food(&fixture.foods, &unavailable(&fixture.likes), food.id, None).await;
        assert!(matches!(down, Err(LookupError::Storage(_))));
    }
}
