//! Deleting a food.

use thiserror::Error;

use super::AuthenticatedUser;
use crate::food::{Food, FoodRepository, RemoveFoodError, VersionPrecondition};
use crate::id::UserId;
use crate::image::ImageStore;
use crate::storage::StorageError;

/// The maximum number of attempts to delete a food that concurrent updates keep changing.
const MAX_ATTEMPTS: usize = 64;

/// Why the food was not deleted.
#[derive(Debug, Error)]
pub enum DeleteFoodError {
    /// No food has this id.
    #[error("no such food")]
    NotFound,
    /// Another user created the food.
    #[error("the food belongs to another user")]
    NotOwner,
    /// The food has none of the versions in `If-Match`.
    #[error("the food has another version")]
    PreconditionFailed,
    /// All attempts to delete the food failed, because concurrent updates kept changing it.
    #[error("too many concurrent updates of the food")]
    Busy,
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Deletes the food, releases its title and then deletes its image. `food` is the result of
/// [`FoodRepository::find_consistent`].
pub async fn delete_food(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    user: AuthenticatedUser,
    food: Option<Food>,
    expected: &VersionPrecondition,
) -> Result<(), DeleteFoodError> {
    remove(foods, images, user.id, food, expected).await
}

/// Deletes a food as [`delete_food`] does, but without a session: for account deletion and the sweep.
pub(super) async fn remove(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    owner: UserId,
    food: Option<Food>,
    expected: &VersionPrecondition,
) -> Result<(), DeleteFoodError> {
    let deleted = delete(foods, owner, food, expected).await?;
    // A failure is ignored, because the sweep deletes unused renditions.
    let _ = images.delete(&deleted.rendition_keys()).await;
    Ok(())
}

async fn delete(
    foods: &impl FoodRepository,
    owner: UserId,
    food: Option<Food>,
    expected: &VersionPrecondition,
) -> Result<Food, DeleteFoodError> {
    let mut food = check_owner(food, owner)?;
    for _ in 0..MAX_ATTEMPTS {
        if !expected.includes(food.version) {
            return Err(DeleteFoodError::PreconditionFailed);
        }
        match foods.delete(&food).await {
            Ok(()) => return Ok(food),
            Err(RemoveFoodError::VersionConflict) => {
                food = check_owner(foods.find_consistent(food.id).await?, owner)?;
            }
            Err(RemoveFoodError::Storage(error)) => {
                // The food may be deleted and only the response lost.
                return match foods.find_consistent(food.id).await {
                    Ok(None) => Ok(food),
                    _ => Err(error.into()),
                };
            }
        }
    }
    Err(DeleteFoodError::Busy)
}

fn check_owner(food: Option<Food>, owner: UserId) -> Result<Food, DeleteFoodError> {
    let food = food.ok_or(DeleteFoodError::NotFound)?;
    if food.creator.id == owner { Ok(food) } else { Err(DeleteFoodError::NotOwner) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fault, Faulty, contended, faulty, sample, unavailable};
    use crate::use_cases::test_support::{FoodFixture, authenticated_user};

    const ANY_VERSION: VersionPrecondition = VersionPrecondition::None;

    async fn delete_as_owner(
        fixture: &FoodFixture,
        foods: &impl FoodRepository,
        food: &Food,
        expected: &VersionPrecondition,
    ) -> Result<(), DeleteFoodError> {
        let (user, current) = (authenticated_user(food.creator.id), Some(food.clone()));
        delete_food(foods, &fixture.images.store, user, current, expected).await
    }

    #[tokio::test]
    async fn food_deletion_deletes_image_of_that_food_only() {
        // A lost response must not change the result.
        for fault in [Fault::None, Fault::ResponseLost] {
            let fixture = FoodFixture::new();
            let (food, other) = (fixture.add().await, fixture.add().await);
            let foods = faulty(&fixture.foods, "delete", fault);
            let deleted = delete_as_owner(&fixture, &foods, &food, &ANY_VERSION).await;
            deleted.unwrap();
            assert_eq!(fixture.stored(&food).await, None);
            assert_eq!(fixture.images.store.count(), 4);
            assert!(fixture.has_image_of(&other));
        }
    }

    #[tokio::test]
    async fn image_stays_when_food_deletion_fails_or_outcome_is_unknown() {
        for (on_delete, on_find) in
            [(Fault::Unavailable, Fault::None), (Fault::ResponseLost, Fault::Unavailable)]
        {
            let fixture = FoodFixture::new();
            let food = fixture.add().await;
            let foods = Faulty::new(&fixture.foods, async |method| match method {
                "delete" => on_delete,
                _ => on_find,
            });
            let failed = delete_as_owner(&fixture, &foods, &food, &ANY_VERSION).await;
            assert!(matches!(failed, Err(DeleteFoodError::Storage(_))));
            assert!(fixture.has_image_of(&food));
        }
    }

    #[tokio::test]
    async fn image_attached_during_food_deletion_is_deleted() {
        let fixture = FoodFixture::new();
        let food = fixture.add().await;
        let images = &fixture.images.store;
        let contended = contended(&fixture.foods, "delete", async || {
            if fixture.has_image_of(&food) {
                let changed = Food { image: sample::image(), version: 2, ..food.clone() };
                images.put_image_of(&changed);
                fixture.foods.update(&food, &changed).await.unwrap();
                images.delete(&food.rendition_keys()).await.unwrap();
            }
        });
        let deleted = delete_as_owner(&fixture, &contended, &food, &ANY_VERSION).await;
        deleted.unwrap();
        assert_eq!(fixture.stored(&food).await, None);
        assert_eq!(images.count(), 0);
    }

    #[tokio::test]
    async fn food_deletion_requires_a_version_from_if_match() {
        let fixture = FoodFixture::new();
        let food = fixture.add().await;
        let contended = contended(&fixture.foods, "delete", async || fixture.touch(&food).await);
        // Wrong version before the first attempt, at the second attempt, and at every attempt.
        for (expected, is_stale) in [
            (VersionPrecondition::AnyOf(vec![2]), true),
            (VersionPrecondition::AnyOf(vec![1]), true),
            (VersionPrecondition::None, false),
        ] {
            let rejected = delete_as_owner(&fixture, &contended, &food, &expected).await;
            match rejected {
                Err(DeleteFoodError::PreconditionFailed) => assert!(is_stale),
                Err(DeleteFoodError::Busy) => assert!(!is_stale),
                other => panic!("{other:?}"),
            }
        }
        assert!(fixture.has_image_of(&food));
        let latest = fixture.stored(&food).await.unwrap();
        let expected = VersionPrecondition::AnyOf(vec![latest.version]);
        let deleted = delete_as_owner(&fixture, &fixture.foods, &latest, &expected).await;
        deleted.unwrap();
        assert_eq!(fixture.images.store.count(), 0);
    }

    #[tokio::test]
    async fn failed_image_deletion_does_not_fail_food_deletion() {
        let fixture = FoodFixture::new();
        let food = fixture.add().await;
        let (foods, images) = (&fixture.foods, unavailable(&fixture.images.store));
        let (user, current) = (authenticated_user(food.creator.id), Some(food.clone()));
        let deleted = delete_food(foods, &images, user, current, &ANY_VERSION).await;
        deleted.unwrap();
        assert_eq!(fixture.stored(&food).await, None);
    }
}
