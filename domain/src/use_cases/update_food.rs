//! Updating a food.

use futures_util::future::join;
use thiserror::Error;

use super::AuthenticatedUser;
use super::attach_image::ImagePipeline;
use super::food_input::{FoodInput, InvalidFood, ValidateError, validate};
use crate::clock::Clock;
use crate::food::{Food, FoodRepository, ReplaceFoodError, VersionPrecondition};
use crate::image::{ImageRenderer, ImageSource, ImageStore, UploadStore};
use crate::storage::StorageError;

/// Why the update was not applied.
#[derive(Debug, Error)]
pub enum UpdateFoodError {
    /// A field is invalid; see [`InvalidFood`].
    #[error(transparent)]
    Invalid(InvalidFood),
    /// No food has this id.
    #[error("no such food")]
    NotFound,
    /// Another user created the food.
    #[error("the food belongs to another user")]
    NotOwner,
    /// Another food has the title.
    #[error("the title is taken")]
    TitleTaken,
    /// Another food has the upload.
    #[error("the upload is taken")]
    UploadTaken,
    /// The food has none of the versions in `If-Match`.
    #[error("the food has another version")]
    PreconditionFailed,
    /// The food was modified between read and write, and the request has no `If-Match`.
    #[error("the food was modified concurrently")]
    Conflict,
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Updates the food if nothing has modified it since `food` was read, and deletes the replaced image. Keeps
/// the image if the input has none. Writes nothing if the input changes nothing. `food` is the result of [`FoodRepository::find_consistent`].
pub async fn update_food(
    foods: &impl FoodRepository,
    images: &ImagePipeline<impl ImageStore, impl UploadStore, impl ImageRenderer>,
    clock: &impl Clock,
    user: AuthenticatedUser,
    food: Option<Food>,
    expected: &VersionPrecondition,
    mut input: FoodInput,
) -> Result<Food, UpdateFoodError> {
    // Before the image is decoded, so that unauthorized requests cause no work.
    let current = check_owner(food, user)?;
    if !expected.includes(current.version) {
        return Err(UpdateFoodError::PreconditionFailed);
    }
    let attached = current.upload.map(|id| ImageSource::Upload(id.to_string()));
    if attached.is_some_and(|attached| attached == input.image) {
        // A retry after a lost response: the food already has this image.
        input.image = ImageSource::None;
    }
    let valid = validate(images, user.id, input, false).await;
    let valid = valid.map_err(|error| match error {
        ValidateError::Invalid(invalid) => UpdateFoodError::Invalid(invalid),
        ValidateError::Storage(error) => error.into(),
    })?;
    if valid.image.is_none()
        && valid.title == current.title
        && valid.description == current.description
    {
        return Ok(current);
    }
    let mut changed = Food {
        title: valid.title,
        description: valid.description,
        updated_at: clock.now().max(current.updated_at),
        version: current.version + 1,
        ..current.clone()
    };
    let has_new_image = valid.image.is_some();
    if let Some(image) = valid.image {
        changed.upload = image.upload;
        changed.image = images.store(current.id, image, clock.now()).await?;
    }
    let saved = save(foods, user, &current, &changed, expected).await;
    if has_new_image {
        match &saved {
            Ok(()) => {
                let upload = images.delete_upload(user.id, changed.upload);
                join(images.delete_image(&current), upload).await;
            }
            // The write may be applied later. The sweep can delete an unused image; nothing can restore one.
            Err(UpdateFoodError::Storage(_)) => {}
            Err(_) => images.delete_image(&changed).await,
        }
    }
    saved.map(|()| changed)
}

fn check_owner(food: Option<Food>, user: AuthenticatedUser) -> Result<Food, UpdateFoodError> {
    let food = food.ok_or(UpdateFoodError::NotFound)?;
    if food.creator.id == user.id { Ok(food) } else { Err(UpdateFoodError::NotOwner) }
}

/// Replaces `current` by `changed`. After a conflict or an error it reads the food again, because an earlier
/// attempt may have saved `changed`.
async fn save(
    foods: &impl FoodRepository,
    user: AuthenticatedUser,
    current: &Food,
    changed: &Food,
    expected: &VersionPrecondition,
) -> Result<(), UpdateFoodError> {
    match foods.update(current, changed).await {
        Ok(()) => Ok(()),
        Err(ReplaceFoodError::TitleTaken) => Err(UpdateFoodError::TitleTaken),
        Err(ReplaceFoodError::UploadTaken) => Err(UpdateFoodError::UploadTaken),
        Err(ReplaceFoodError::VersionConflict) => {
            let stored = check_owner(foods.find_consistent(current.id).await?, user)?;
            match expected {
                _ if stored == *changed => Ok(()),
                VersionPrecondition::AnyOf(_) => Err(UpdateFoodError::PreconditionFailed),
                VersionPrecondition::None | VersionPrecondition::NoneOf(_) => {
                    Err(UpdateFoodError::Conflict)
                }
            }
        }
        Err(ReplaceFoodError::Storage(error)) => match foods.find_consistent(current.id).await {
            Ok(Some(stored)) if stored == *changed => Ok(()),
            _ => Err(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;
    use crate::food::{Description, Title};
    use crate::testing::{Fault, Faulty, contended, faulty, sample, unavailable};
    use crate::use_cases::test_support::{FoodFixture, authenticated_user};

    const ANY_VERSION: VersionPrecondition = VersionPrecondition::None;

    /// Returns stores with one food and its image, created a minute ago.
    async fn fixture() -> (FoodFixture, Food) {
        let fixture = FoodFixture::new();
        let food = fixture.add().await;
        fixture.clock.advance(Duration::from_mins(1));
        (fixture, food)
    }

    impl FoodFixture {
        async fn update_in(
            &self,
            foods: &impl FoodRepository,
            food: &Food,
            expected: &VersionPrecondition,
            input: FoodInput,
        ) -> Result<Food, UpdateFoodError> {
            let (user, current) = (authenticated_user(food.creator.id), Some(food.clone()));
            let (images, clock) = (&self.images, &self.clock);
            update_food(foods, images, clock, user, current, expected, input).await
        }

        async fn update(&self, food: &Food, input: FoodInput) -> Result<Food, UpdateFoodError> {
            self.update_in(&self.foods, food, &ANY_VERSION, input).await
        }
    }

    fn input(title: &str, image: ImageSource) -> FoodInput {
        FoodInput { title: title.to_owned(), description: "<p>Now with egg</p>".to_owned(), image }
    }

    fn with_image(title: &str) -> FoodInput {
        input(title, ImageSource::Inline(sample::IMAGE))
    }

    #[tokio::test]
    async fn food_update_without_image_keeps_old_image() {
        let (fixture, food) = fixture().await;
        let updated = fixture.update(&food, input("Fried rice", ImageSource::None));
        let updated = updated.await.unwrap();
        let expected = Food {
            title: Title::parse("Fried rice").unwrap(),
            description: Description::sanitize("<p>Now with egg</p>").unwrap(),
            updated_at: fixture.clock.now(),
            version: 2,
            ..food.clone()
        };
        assert_eq!(updated, expected);
        assert_eq!(fixture.stored(&food).await, Some(updated));
        assert!(fixture.has_image_of(&food));
    }

    #[tokio::test]
    async fn food_update_with_new_image_deletes_the_old_image() {
        for fault in [Fault::None, Fault::ResponseLost, Fault::DeliveredTwice] {
            let (fixture, food) = fixture().await;
            let foods = faulty(&fixture.foods, "update", fault);
            let updated = fixture.update_in(&foods, &food, &ANY_VERSION, with_image("Rice"));
            let updated = updated.await.unwrap();
            assert_ne!(updated.image.id, food.image.id);
            assert_eq!(updated.version, 2);
            assert!(fixture.has_image_of(&updated));
            assert_eq!(fixture.images.store.count(), 4);
            assert_eq!(fixture.stored(&food).await, Some(updated));
        }
    }

    #[tokio::test]
    async fn repeated_food_update_with_same_upload_keeps_image() {
        let (fixture, food) = fixture().await;
        let id = fixture.upload(food.creator.id);
        let rice = || input("Rice", ImageSource::Upload(id.to_string()));
        let first = fixture.update(&food, rice()).await.unwrap();
        assert_eq!(first.upload, Some(id));
        assert_eq!(fixture.images.uploads.count(), 0);
        let retried = fixture.update(&first, rice()).await.unwrap();
        assert_eq!(retried.image, first.image);
        assert!(fixture.has_image_of(&first));
    }

    #[tokio::test]
    async fn food_update_without_a_change_writes_nothing() {
        let (fixture, food) = fixture().await;
        let same = || FoodInput {
            title: format!(" {} ", food.title.as_str()),
            description: food.description.as_str().to_owned(),
            image: ImageSource::None,
        };
        let foods = unavailable(&fixture.foods);
        let updated = fixture.update_in(&foods, &food, &ANY_VERSION, same()).await;
        assert_eq!(updated.unwrap(), food);
        let stale = VersionPrecondition::NoneOf(vec![food.version]);
        let rejected = fixture.update_in(&foods, &food, &stale, same()).await;
        assert!(matches!(rejected, Err(UpdateFoodError::PreconditionFailed)));
        let case = FoodInput { title: food.title.as_str().to_uppercase(), ..same() };
        assert_eq!(fixture.update(&food, case).await.unwrap().version, 2);
    }

    #[tokio::test]
    async fn updated_at_of_a_food_never_decreases() {
        let (fixture, food) = fixture().await;
        let future = Food {
            updated_at: fixture.clock.now().plus(Duration::from_hours(1)),
            version: 2,
            ..food.clone()
        };
        fixture.foods.update(&food, &future).await.unwrap();
        let updated = fixture.update(&future, input("Rice", ImageSource::None));
        assert_eq!(updated.await.unwrap().updated_at, future.updated_at);
    }

    #[tokio::test]
    async fn food_update_to_taken_title_changes_nothing() {
        let (fixture, food) = fixture().await;
        let other = fixture.add().await;
        let uppercase = other.title.as_str().to_uppercase();
        let rejected = fixture.update(&food, with_image(&uppercase)).await;
        assert!(matches!(rejected, Err(UpdateFoodError::TitleTaken)));
        assert!(fixture.has_image_of(&food));
        assert_eq!(fixture.images.store.count(), 8);
        assert_eq!(fixture.stored(&food).await, Some(food));
    }

    #[tokio::test]
    async fn old_and_new_image_stay_when_food_update_outcome_is_unknown() {
        for (on_update, on_find) in
            [(Fault::Unavailable, Fault::None), (Fault::ResponseLost, Fault::Unavailable)]
        {
            let (fixture, food) = fixture().await;
            let foods = Faulty::new(&fixture.foods, async |method| match method {
                "update" => on_update,
                _ => on_find,
            });
            let failed = fixture.update_in(&foods, &food, &ANY_VERSION, with_image("Rice"));
            assert!(matches!(failed.await, Err(UpdateFoodError::Storage(_))));
            assert!(fixture.has_image_of(&food));
            // The write may be applied later and then needs its image.
            assert_eq!(fixture.images.store.count(), 8);
        }
    }

    #[tokio::test]
    async fn conflicting_food_update_is_rejected_and_its_image_deleted() {
        for expected in [VersionPrecondition::None, VersionPrecondition::AnyOf(vec![1])] {
            let (fixture, food) = fixture().await;
            let contended =
                contended(&fixture.foods, "update", async || fixture.touch(&food).await);
            let rejected = fixture.update_in(&contended, &food, &expected, with_image("Rice"));
            match (rejected.await, &expected) {
                (Err(UpdateFoodError::Conflict), VersionPrecondition::None)
                | (Err(UpdateFoodError::PreconditionFailed), VersionPrecondition::AnyOf(_)) => {}
                other => panic!("{other:?}"),
            }
            let saved = fixture.stored(&food).await.unwrap();
            assert_eq!((&saved.title, saved.version), (&food.title, 2));
            assert_eq!(fixture.images.store.count(), 4);
        }
    }

    #[tokio::test]
    async fn food_update_with_wrong_if_match_makes_no_storage_call() {
        let (fixture, food) = fixture().await;
        let called = Cell::new(false);
        let foods = Faulty::new(&fixture.foods, async |_| {
            called.set(true);
            Fault::None
        });
        for expected in [VersionPrecondition::AnyOf(vec![]), VersionPrecondition::AnyOf(vec![2, 3])]
        {
            let rejected = fixture.update_in(&foods, &food, &expected, with_image("Rice"));
            assert!(matches!(rejected.await, Err(UpdateFoodError::PreconditionFailed)));
        }
        assert!(!called.get());
        assert_eq!(fixture.images.store.count(), 4);
        let expected = VersionPrecondition::AnyOf(vec![3, 1]);
        let updated = fixture.update_in(&foods, &food, &expected, with_image("Rice"));
        assert_eq!(updated.await.unwrap().version, 2);
    }

    #[tokio::test]
    async fn update_of_a_food_deleted_meanwhile_returns_not_found() {
        let (fixture, food) = fixture().await;
        let contended = contended(&fixture.foods, "update", async || {
            fixture.foods.delete(&food).await.unwrap();
        });
        let rejected = fixture.update_in(&contended, &food, &ANY_VERSION, with_image("Rice"));
        assert!(matches!(rejected.await, Err(UpdateFoodError::NotFound)));
        assert_eq!(fixture.images.store.count(), 4);
    }

    #[tokio::test]
    async fn failed_deletion_of_old_image_does_not_fail_food_update() {
        let (fixture, food) = fixture().await;
        let images = ImagePipeline {
            store: faulty(&fixture.images.store, "delete", Fault::Unavailable),
            uploads: unavailable(&fixture.images.uploads),
            renderer: fixture.images.renderer,
            max_bytes: fixture.images.max_bytes,
        };
        let (user, current) = (authenticated_user(food.creator.id), Some(food));
        let (foods, clock, input) = (&fixture.foods, &fixture.clock, with_image("Rice"));
        let updated = update_food(foods, &images, clock, user, current, &ANY_VERSION, input).await;
        assert!(fixture.has_image_of(&updated.unwrap()));
    }
}
