//! Taking a food back.

use thiserror::Error;

use super::SignedIn;
use crate::food::{Expected, Food, FoodRepository, RemoveFoodError};
use crate::id::UserId;
use crate::image::ImageStore;
use crate::storage::StorageError;

/// How often it is tried again on what others made of the food meanwhile.
const MAX_ATTEMPTS: usize = 64;

/// Why the food is still there.
#[derive(Debug, Error)]
pub enum DeleteFoodError {
    /// No food has this id.
    #[error("no such food")]
    NotFound,
    /// It is somebody else's.
    #[error("the food is somebody else's")]
    NotOwner,
    /// It is none of the versions that the client expected.
    #[error("the food has another version")]
    Stale,
    /// Others keep changing it.
    #[error("the food is being changed too often")]
    Busy,
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// Deletes the food, frees its title and then deletes its image. `found` is the food, as
/// [`FoodRepository::find_latest`] found it.
pub async fn delete_food(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    who: SignedIn,
    found: Option<Food>,
    expected: &Expected,
) -> Result<(), DeleteFoodError> {
    remove(foods, images, who.user, found, expected).await
}

/// The same for whoever it is that may.
pub(super) async fn remove(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    owner: UserId,
    found: Option<Food>,
    expected: &Expected,
) -> Result<(), DeleteFoodError> {
    let deleted = delete(foods, owner, found, expected).await?;
    // The food is gone; the sweep deletes renditions that stay.
    let _ = images.delete(&deleted.rendition_keys()).await;
    Ok(())
}

async fn delete(
    foods: &impl FoodRepository,
    owner: UserId,
    found: Option<Food>,
    expected: &Expected,
) -> Result<Food, DeleteFoodError> {
    let mut food = own(found, owner)?;
    for _ in 0..MAX_ATTEMPTS {
        if !expected.includes(food.version) {
            return Err(DeleteFoodError::Stale);
        }
        match foods.delete(&food).await {
            Ok(()) => return Ok(food),
            Err(RemoveFoodError::Changed) => {
                food = own(foods.find_latest(food.id).await?, owner)?;
            }
            Err(RemoveFoodError::Repository(error)) => {
                // Perhaps only the answer was lost.
                return match foods.find_latest(food.id).await {
                    Ok(None) => Ok(food),
                    _ => Err(error.into()),
                };
            }
        }
    }
    Err(DeleteFoodError::Busy)
}

fn own(found: Option<Food>, owner: UserId) -> Result<Food, DeleteFoodError> {
    let food = found.ok_or(DeleteFoodError::NotFound)?;
    if food.creator.id == owner {
        Ok(food)
    } else {
        Err(DeleteFoodError::NotOwner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::test_support::signed_in;
    use crate::id::FoodId;
    use crate::testing::{Fault, Faulty, MemoryFoods, MemoryImages, faulty, sample, unavailable};

    async fn shared(foods: &MemoryFoods, images: &MemoryImages) -> Food {
        let food = sample::food(&sample::public_user(sample::moment()));
        foods.create(&food).await.unwrap();
        images.put_image_of(&food);
        food
    }

    /// Reads the food, then deletes it.
    async fn take_back(
        foods: &impl FoodRepository,
        images: &impl ImageStore,
        id: FoodId,
        user: UserId,
    ) -> Result<(), DeleteFoodError> {
        let found = foods.find_latest(id).await?;
        delete_food(foods, images, signed_in(user), found, &Expected::Any).await
    }

    /// What somebody else makes of the food.
    async fn touch(foods: &MemoryFoods, id: FoodId) {
        let current = foods.find_latest(id).await.unwrap().unwrap();
        let changed = Food {
            version: current.version + 1,
            ..current.clone()
        };
        foods.update(&current, &changed).await.unwrap();
    }

    #[tokio::test]
    async fn a_deleted_food_is_gone_with_its_picture_and_frees_its_title() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let other = shared(&foods, &images).await;
        let deleted = take_back(&foods, &images, food.id, food.creator.id).await;
        deleted.unwrap();
        assert_eq!(foods.find_latest(food.id).await.unwrap(), None);
        assert!(!images.has_image_of(&food));
        assert!(images.has_image_of(&other));

        let heir = Food {
            title: food.title,
            ..sample::food(&other.creator)
        };
        foods.create(&heir).await.unwrap();
    }

    #[tokio::test]
    async fn only_the_owner_deletes_a_food() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let eve = UserId::new(sample::moment());
        let refused = take_back(&foods, &images, food.id, eve).await;
        assert!(matches!(refused, Err(DeleteFoodError::NotOwner)));
        assert!(images.has_image_of(&food));
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
    }

    #[tokio::test]
    async fn a_food_that_is_gone_is_not_found() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let deleted = take_back(&foods, &images, food.id, food.creator.id).await;
        deleted.unwrap();
        let again = take_back(&foods, &images, food.id, food.creator.id).await;
        assert!(matches!(again, Err(DeleteFoodError::NotFound)));
    }

    #[tokio::test]
    async fn a_failed_deletion_leaves_food_and_picture() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let failing = faulty(&foods, "delete", Fault::Unavailable);
        let failed = take_back(&failing, &images, food.id, food.creator.id).await;
        assert!(matches!(failed, Err(DeleteFoodError::Repository(_))));
        assert!(images.has_image_of(&food));
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
    }

    #[tokio::test]
    async fn a_lost_answer_leaves_no_picture() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let lossy = faulty(&foods, "delete", Fault::ResponseLost);
        let deleted = take_back(&lossy, &images, food.id, food.creator.id).await;
        deleted.unwrap();
        assert_eq!(foods.find_latest(food.id).await.unwrap(), None);
        assert_eq!(images.count(), 0);
    }

    #[tokio::test]
    async fn where_nobody_can_tell_whether_the_food_is_gone_the_picture_stays() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let saved = std::cell::Cell::new(false);
        let unreachable = Faulty::new(&foods, async |call| {
            saved.set(saved.get() || call == "delete");
            if saved.get() {
                Fault::Unavailable
            } else {
                Fault::None
            }
        });
        let failed = take_back(&unreachable, &images, food.id, food.creator.id).await;
        assert!(matches!(failed, Err(DeleteFoodError::Repository(_))));
        assert!(images.has_image_of(&food));
    }

    #[tokio::test]
    async fn the_picture_that_the_food_has_in_the_end_is_the_one_removed() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let first = std::cell::Cell::new(true);
        let contended = Faulty::new(&foods, async |call| {
            if call == "delete" && first.replace(false) {
                let repainted = Food {
                    image: sample::image(),
                    version: 2,
                    ..food.clone()
                };
                images.put_image_of(&repainted);
                foods.update(&food, &repainted).await.unwrap();
                images.delete(&food.rendition_keys()).await.unwrap();
            }
            Fault::None
        });
        let deleted = take_back(&contended, &images, food.id, food.creator.id).await;
        deleted.unwrap();
        assert_eq!(foods.find_latest(food.id).await.unwrap(), None);
        assert_eq!(images.count(), 0);
    }

    #[tokio::test]
    async fn only_a_version_that_was_expected_is_deleted() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let contended = Faulty::new(&foods, async |call| {
            if call == "delete" {
                touch(&foods, food.id).await;
            }
            Fault::None
        });
        let who = signed_in(food.creator.id);
        // Another one from the beginning, and another one by the time it is deleted.
        for expected in [Expected::OneOf(vec![2]), Expected::OneOf(vec![1])] {
            let found = Some(food.clone());
            let refused = delete_food(&contended, &images, who, found, &expected).await;
            assert!(matches!(refused, Err(DeleteFoodError::Stale)));
        }
        assert_eq!(images.count(), 4);
        let (found, expected) = (
            foods.find_latest(food.id).await.unwrap(),
            &Expected::OneOf(vec![2]),
        );
        delete_food(&foods, &images, who, found, expected)
            .await
            .unwrap();
        assert_eq!(images.count(), 0);
    }

    #[tokio::test]
    async fn a_deletion_gives_up_when_others_never_do() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let contended = Faulty::new(&foods, async |call| {
            if call == "delete" {
                touch(&foods, food.id).await;
            }
            Fault::None
        });
        let refused = take_back(&contended, &images, food.id, food.creator.id).await;
        assert!(matches!(refused, Err(DeleteFoodError::Busy)));
        assert!(images.has_image_of(&food));
    }

    #[tokio::test]
    async fn a_store_that_is_down_is_told_as_such() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let food = shared(&foods, &images).await;
        let failed = take_back(&unavailable(&foods), &images, food.id, food.creator.id).await;
        assert!(matches!(failed, Err(DeleteFoodError::Repository(_))));
        // The food is gone, whatever becomes of its picture.
        let deleted = take_back(&foods, &unavailable(&images), food.id, food.creator.id).await;
        assert!(deleted.is_ok());
    }
}
