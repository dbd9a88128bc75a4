//! Updating a food.

use futures_util::future::join;
use thiserror::Error;

use super::SignedIn;
use super::attach_image::ImagePipeline;
use super::food_input::{FoodInput, InvalidFood, ValidateError, validate};
use crate::clock::Clock;
use crate::food::{Expected, Food, FoodRepository, ReplaceFoodError};
use crate::image::{ImageRenderer, ImageSource, ImageStore, UploadStore};
use crate::storage::StorageError;

/// Why the update was not applied.
#[derive(Debug, Error)]
pub enum UpdateFoodError {
    /// See [`InvalidFood`].
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
    Stale,
    /// The food was modified between read and write.
    #[error("the food was modified concurrently")]
    Conflict,
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// Applies the whole update or nothing, and deletes the image that was replaced. Never overwrites another
/// update. `found` is the food as [`FoodRepository::find_latest`] returned it; without an image in the input
/// its image stays.
pub async fn update_food(
    foods: &impl FoodRepository,
    images: &ImagePipeline<impl ImageStore, impl UploadStore, impl ImageRenderer>,
    clock: &impl Clock,
    who: SignedIn,
    found: Option<Food>,
    expected: &Expected,
    mut input: FoodInput,
) -> Result<Food, UpdateFoodError> {
    // Before the image is decoded: whoever may not update causes no work.
    let current = own(found, who)?;
    if !expected.includes(current.version) {
        return Err(UpdateFoodError::Stale);
    }
    let attached = current.upload.map(|id| ImageSource::Upload(id.to_string()));
    if attached.is_some_and(|attached| attached == input.image) {
        // A retry after a lost response: the food has this image already.
        input.image = ImageSource::None;
    }
    let valid = validate(images, who.user, input, false).await;
    let valid = valid.map_err(|error| match error {
        ValidateError::Invalid(invalid) => UpdateFoodError::Invalid(invalid),
        ValidateError::Repository(error) => error.into(),
    })?;
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
    let saved = save(foods, who, &current, &changed, expected).await;
    if has_new_image {
        match &saved {
            Ok(()) => {
                let upload = images.delete_upload(who.user, changed.upload);
                join(images.delete_image(&current), upload).await;
            }
            // The write may still land: the sweep can delete an orphan, nothing can restore an image.
            Err(UpdateFoodError::Repository(_)) => {}
            Err(_) => images.delete_image(&changed).await,
        }
    }
    saved.map(|()| changed)
}

fn own(found: Option<Food>, who: SignedIn) -> Result<Food, UpdateFoodError> {
    let food = found.ok_or(UpdateFoodError::NotFound)?;
    if food.creator.id == who.user {
        Ok(food)
    } else {
        Err(UpdateFoodError::NotOwner)
    }
}

/// Replaces `current` by `changed`, and no other version.
async fn save(
    foods: &impl FoodRepository,
    who: SignedIn,
    current: &Food,
    changed: &Food,
    expected: &Expected,
) -> Result<(), UpdateFoodError> {
    match foods.update(current, changed).await {
        Ok(()) => Ok(()),
        Err(ReplaceFoodError::TitleTaken) => Err(UpdateFoodError::TitleTaken),
        Err(ReplaceFoodError::UploadTaken) => Err(UpdateFoodError::UploadTaken),
        // In both cases perhaps only the response was lost: then the stored food is the new one.
        Err(ReplaceFoodError::Changed) => {
            let stored = own(foods.find_latest(current.id).await?, who)?;
            match expected {
                _ if stored == *changed => Ok(()),
                Expected::Any => Err(UpdateFoodError::Conflict),
                Expected::OneOf(_) => Err(UpdateFoodError::Stale),
            }
        }
        Err(ReplaceFoodError::Repository(error)) => match foods.find_latest(current.id).await {
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
    use crate::application::InvalidFoodField;
    use crate::application::test_support::{ImageStores, image_pipeline, signed_in};
    use crate::food::{Description, Title};
    use crate::id::{ImageId, UserId};
    use crate::image::UploadKey;
    use crate::testing::{Fault, Faulty, FixedClock, MemoryFoods, faulty, sample, unavailable};

    struct Stores {
        foods: MemoryFoods,
        images: ImageStores,
        clock: FixedClock,
    }

    /// Stores with a food and its image, a minute later.
    async fn stores() -> (Stores, Food) {
        let stores = Stores {
            foods: MemoryFoods::default(),
            images: image_pipeline(),
            clock: FixedClock::default(),
        };
        let food = stores.add().await;
        stores.clock.advance(Duration::from_mins(1));
        (stores, food)
    }

    impl Stores {
        async fn add(&self) -> Food {
            let food = sample::food(&sample::public_user(sample::moment()));
            self.foods.create(&food).await.unwrap();
            self.images.store.put_image_of(&food);
            food
        }

        async fn update_in(
            &self,
            foods: &impl FoodRepository,
            food: &Food,
            input: FoodInput,
        ) -> Result<Food, UpdateFoodError> {
            let (who, any) = (signed_in(food.creator.id), &Expected::Any);
            let found = Some(food.clone());
            update_food(foods, &self.images, &self.clock, who, found, any, input).await
        }

        async fn update(&self, food: &Food, input: FoodInput) -> Result<Food, UpdateFoodError> {
            self.update_in(&self.foods, food, input).await
        }

        fn has_image_of(&self, food: &Food) -> bool {
            self.images.store.has_image_of(food)
        }

        async fn stored(&self, food: &Food) -> Option<Food> {
            self.foods.find_latest(food.id).await.unwrap()
        }

        /// Another update of the food.
        async fn touch(&self, food: &Food) {
            let current = self.stored(food).await.unwrap();
            let changed = Food {
                version: current.version + 1,
                ..current.clone()
            };
            self.foods.update(&current, &changed).await.unwrap();
        }
    }

    fn input(title: &str, image: ImageSource) -> FoodInput {
        FoodInput {
            title: title.to_owned(),
            description: "<p>Now with egg</p>".to_owned(),
            image,
        }
    }

    fn with_image(title: &str) -> FoodInput {
        input(title, ImageSource::Inline(sample::IMAGE))
    }

    #[tokio::test]
    async fn reports_all_field_errors_in_order() {
        let (stores, food) = stores().await;
        let all_wrong = FoodInput {
            title: " ".to_owned(),
            description: String::new(),
            image: ImageSource::Upload("unknown".to_owned()),
        };
        match stores.update(&food, all_wrong).await {
            Err(UpdateFoodError::Invalid(invalid)) => assert_eq!(
                invalid.0,
                [
                    InvalidFoodField::TitleRequired,
                    InvalidFoodField::DescriptionRequired,
                    InvalidFoodField::UploadNotFound,
                ]
            ),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn update_without_image_keeps_image() {
        let (stores, food) = stores().await;
        let updated = stores.update(&food, input("Fried rice", ImageSource::None));
        let updated = updated.await.unwrap();
        let expected = Food {
            title: Title::parse("Fried rice").unwrap(),
            description: Description::sanitize("<p>Now with egg</p>").unwrap(),
            updated_at: stores.clock.now(),
            version: 2,
            ..food.clone()
        };
        assert_eq!(updated, expected);
        assert_eq!(stores.stored(&food).await, Some(updated));
        assert!(stores.has_image_of(&food));
    }

    #[tokio::test]
    async fn new_image_replaces_the_old_one() {
        let (stores, food) = stores().await;
        let updated = stores.update(&food, with_image(food.title.as_str())).await;
        let updated = updated.unwrap();
        assert_ne!(updated.image.id, food.image.id);
        assert!(stores.has_image_of(&updated));
        assert_eq!(stores.images.store.count(), 4);
    }

    #[tokio::test]
    async fn retry_with_attached_upload_keeps_image() {
        let (stores, food) = stores().await;
        let id = ImageId::new(sample::moment());
        let owner = food.creator.id;
        stores
            .images
            .uploads
            .put(UploadKey { owner, id }, sample::IMAGE);
        let rice = || input("Rice", ImageSource::Upload(id.to_string()));
        let first = stores.update(&food, rice()).await.unwrap();
        assert_eq!(first.upload, Some(id));
        assert_eq!(stores.images.uploads.count(), 0);
        let retried = stores.update(&first, rice()).await.unwrap();
        assert_eq!(retried.image, first.image);
        assert!(stores.has_image_of(&first));
    }

    #[tokio::test]
    async fn updated_at_never_decreases() {
        let (stores, food) = stores().await;
        let future = Food {
            updated_at: stores.clock.now().plus(Duration::from_hours(1)),
            version: 2,
            ..food.clone()
        };
        stores.foods.update(&food, &future).await.unwrap();
        let updated = stores
            .update(&future, input("Rice", ImageSource::None))
            .await;
        assert_eq!(updated.unwrap().updated_at, future.updated_at);
    }

    #[tokio::test]
    async fn only_the_owner_updates_a_food() {
        let (stores, food) = stores().await;
        let Stores {
            foods,
            images,
            clock,
        } = &stores;
        let (eve, any) = (signed_in(UserId::new(sample::moment())), &Expected::Any);
        let (theirs, input) = (Some(food.clone()), with_image("Mine"));
        let refused = update_food(foods, images, clock, eve, theirs, any, input).await;
        assert!(matches!(refused, Err(UpdateFoodError::NotOwner)));
        let missing = update_food(foods, images, clock, eve, None, any, with_image("Mine"));
        assert!(matches!(missing.await, Err(UpdateFoodError::NotFound)));
        assert_eq!(stores.stored(&food).await, Some(food));
        assert_eq!(stores.images.store.count(), 4);
    }

    #[tokio::test]
    async fn taken_title_changes_nothing() {
        let (stores, food) = stores().await;
        let other = stores.add().await;
        let shouted = other.title.as_str().to_uppercase();
        let refused = stores.update(&food, with_image(&shouted)).await;
        assert!(matches!(refused, Err(UpdateFoodError::TitleTaken)));
        assert!(stores.has_image_of(&food));
        assert_eq!(stores.images.store.count(), 8);
        assert_eq!(stores.stored(&food).await, Some(food));
    }

    #[tokio::test]
    async fn food_may_keep_its_title_in_another_case() {
        let (stores, mut food) = stores().await;
        let shouted = food.title.as_str().to_uppercase();
        for title in [food.title.as_str().to_owned(), shouted] {
            let updated = stores.update(&food, input(&title, ImageSource::None)).await;
            food = updated.unwrap();
            assert_eq!(food.title.as_str(), title);
        }
    }

    #[tokio::test]
    async fn failed_save_keeps_both_images() {
        let (stores, food) = stores().await;
        let failing = faulty(&stores.foods, "update", Fault::Unavailable);
        let failed = stores.update_in(&failing, &food, with_image("Fried rice"));
        assert!(matches!(failed.await, Err(UpdateFoodError::Repository(_))));
        assert!(stores.has_image_of(&food));
        // The write may still land, and needs its image then.
        assert_eq!(stores.images.store.count(), 8);
        assert_eq!(stores.stored(&food).await, Some(food));
    }

    #[tokio::test]
    async fn keeps_both_images_when_save_outcome_is_unknown() {
        let (stores, food) = stores().await;
        let foods = Faulty::new(&stores.foods, async |method| match method {
            "update" => Fault::ResponseLost,
            _ => Fault::Unavailable,
        });
        let failed = stores.update_in(&foods, &food, with_image("Fried rice"));
        assert!(matches!(failed.await, Err(UpdateFoodError::Repository(_))));
        assert_eq!(stores.images.store.count(), 8);
    }

    #[tokio::test]
    async fn lost_response_and_repeated_delivery_are_a_success() {
        for fault in [Fault::ResponseLost, Fault::DeliveredTwice] {
            let (stores, food) = stores().await;
            let foods = faulty(&stores.foods, "update", fault);
            let updated = stores.update_in(&foods, &food, with_image("Fried rice"));
            let updated = updated.await.unwrap();
            assert_eq!(updated.version, 2);
            assert!(stores.has_image_of(&updated));
            assert_eq!(stores.images.store.count(), 4);
            assert_eq!(stores.stored(&food).await, Some(updated));
        }
    }

    #[tokio::test]
    async fn concurrent_update_is_a_conflict_and_leaves_no_image() {
        for expected in [Expected::Any, Expected::OneOf(vec![1])] {
            let (stores, food) = stores().await;
            let contended = Faulty::new(&stores.foods, async |method| {
                if method == "update" {
                    stores.touch(&food).await;
                }
                Fault::None
            });
            let (who, found) = (signed_in(food.creator.id), Some(food.clone()));
            let (images, clock) = (&stores.images, &stores.clock);
            let input = with_image("Fried rice");
            let refused =
                update_food(&contended, images, clock, who, found, &expected, input).await;
            match (refused, expected) {
                (Err(UpdateFoodError::Conflict), Expected::Any)
                | (Err(UpdateFoodError::Stale), Expected::OneOf(_)) => {}
                other => panic!("{other:?}"),
            }
            let saved = stores.stored(&food).await.unwrap();
            assert_eq!((saved.title, saved.version), (food.title, 2));
            assert_eq!(stores.images.store.count(), 4);
        }
    }

    #[tokio::test]
    async fn unexpected_version_is_stale_before_any_call() {
        let (stores, food) = stores().await;
        let called = Cell::new(false);
        let foods = Faulty::new(&stores.foods, async |_| {
            called.set(true);
            Fault::None
        });
        let Stores { images, clock, .. } = &stores;
        let who = signed_in(food.creator.id);
        for expected in [Expected::OneOf(vec![]), Expected::OneOf(vec![2, 3])] {
            let (found, input) = (Some(food.clone()), with_image("Fried rice"));
            let refused = update_food(&foods, images, clock, who, found, &expected, input).await;
            assert!(matches!(refused, Err(UpdateFoodError::Stale)));
        }
        assert!(!called.get());
        assert_eq!(stores.images.store.count(), 4);
        let (found, expected) = (Some(food.clone()), Expected::OneOf(vec![3, 1]));
        let input = with_image("Fried rice");
        let updated = update_food(&foods, images, clock, who, found, &expected, input).await;
        assert_eq!(updated.unwrap().version, 2);
    }

    #[tokio::test]
    async fn food_deleted_meanwhile_is_not_found() {
        let (stores, food) = stores().await;
        let contended = Faulty::new(&stores.foods, async |method| {
            if method == "update" {
                stores.foods.delete(&food).await.unwrap();
            }
            Fault::None
        });
        let refused = stores.update_in(&contended, &food, with_image("Fried rice"));
        assert!(matches!(refused.await, Err(UpdateFoodError::NotFound)));
        assert_eq!(stores.images.store.count(), 4);
    }

    #[tokio::test]
    async fn failed_cleanup_does_not_fail_the_update() {
        let (stores, food) = stores().await;
        let store = Faulty::new(&stores.images.store, async |method| match method {
            "delete" => Fault::Unavailable,
            _ => Fault::None,
        });
        let images = ImagePipeline {
            store,
            uploads: unavailable(&stores.images.uploads),
            renderer: stores.images.renderer,
            max_bytes: stores.images.max_bytes,
        };
        let (who, any, found) = (signed_in(food.creator.id), &Expected::Any, Some(food));
        let (foods, clock, input) = (&stores.foods, &stores.clock, with_image("Rice"));
        let updated = update_food(foods, &images, clock, who, found, any, input).await;
        assert!(stores.has_image_of(&updated.unwrap()));
    }
}
