//! Changing a food.

use thiserror::Error;

use super::SignedIn;
use super::create_food::{InvalidFood, OpenedImage, open_image, parse_description, parse_title};
use crate::clock::Clock;
use crate::food::{Description, Expected, Food, FoodRepository, ReplaceFoodError, Title};
use crate::image::{GivenImage, ImageKey, ImageStore, Variants};
use crate::storage::StorageError;

/// What somebody who changes a food says, once it is right.
#[derive(Debug, Clone)]
pub struct FoodChange {
    title: Title,
    description: Description,
    image: Option<OpenedImage>,
}

impl FoodChange {
    /// Checks everything and tells all that is wrong at once. Without a picture the old one stays.
    pub fn parse(
        title: &str,
        description: &str,
        image: GivenImage,
        max_image_bytes: usize,
    ) -> Result<Self, InvalidFood> {
        let image = open_image(image, max_image_bytes);
        match (parse_title(title), parse_description(description), image) {
            (Ok(title), Ok(description), Ok(image)) => Ok(Self {
                title,
                description,
                image,
            }),
            (title, description, image) => Err(InvalidFood::of([
                title.err(),
                description.err(),
                image.err(),
            ])),
        }
    }
}

/// Why the food is as it was.
#[derive(Debug, Error)]
pub enum UpdateFoodError {
    /// No food has this id.
    #[error("no such food")]
    NotFound,
    /// It is somebody else's.
    #[error("the food is somebody else's")]
    NotOwner,
    /// Another food has the title.
    #[error("the title is taken")]
    TitleTaken,
    /// Another food has the upload.
    #[error("the upload is taken")]
    UploadTaken,
    /// It is none of the versions that the client expected.
    #[error("the food has another version")]
    Stale,
    /// It was changed between being read and being written.
    #[error("the food was changed meanwhile")]
    Conflict,
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// Makes the whole change or none of it, and removes the picture that is no longer shown. `found`
/// is the food, as [`FoodRepository::find_latest`] found it. A change that somebody else made since
/// is never overwritten.
pub async fn update_food(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    clock: &impl Clock,
    who: SignedIn,
    found: Option<Food>,
    expected: &Expected,
    change: FoodChange,
) -> Result<Food, UpdateFoodError> {
    let current = own(found, who)?;
    if !expected.includes(current.version) {
        return Err(UpdateFoodError::Stale);
    }
    let mut changed = Food {
        title: change.title,
        description: change.description,
        updated_at: clock.now().max(current.updated_at),
        version: current.version + 1,
        ..current.clone()
    };
    let has_new_image = change.image.is_some();
    if let Some(OpenedImage { image, upload }) = change.image {
        changed.image = ImageKey::new(current.id, image.kind(), clock.now());
        changed.upload = upload;
        changed.variants = Variants::default();
        images.put(&changed.image, &image).await?;
    }
    let saved = save(foods, who, &current, &changed, expected).await;
    let unused = match &saved {
        Ok(()) => has_new_image.then_some(&current.image),
        // Nobody can tell, or the write lands later: an orphan can be swept, a food without its
        // picture cannot be mended.
        Err(UpdateFoodError::Repository(_)) => None,
        Err(_) => has_new_image.then_some(&changed.image),
    };
    if let Some(key) = unused {
        // The answer is about the food; a picture left behind harms nobody.
        let _ = images.delete(key).await;
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

/// Puts `changed` in the place of `current`, and of no other version.
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
        // In both cases perhaps only the answer was lost: then what is there is what we wrote.
        Err(ReplaceFoodError::Changed) => {
            let stored = own(foods.find_latest(current.id).await?, who)?;
            match expected {
                _ if stored.is_same_save(changed) => Ok(()),
                Expected::Any => Err(UpdateFoodError::Conflict),
                Expected::OneOf(_) => Err(UpdateFoodError::Stale),
            }
        }
        Err(ReplaceFoodError::Repository(error)) => match foods.find_latest(current.id).await {
            Ok(Some(stored)) if stored.is_same_save(changed) => Ok(()),
            _ => Err(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::application::InvalidFoodField;
    use crate::application::test_support::signed_in;
    use crate::id::{FoodId, UserId};
    use crate::image::InvalidImage;
    use crate::testing::{
        Fault, Faulty, FixedClock, MemoryFoods, MemoryImages, faulty, sample, unavailable,
    };

    const MAX_BYTES: usize = 1_000;

    fn given(image: Option<&'static [u8]>) -> GivenImage {
        image.map_or(GivenImage::None, |bytes| {
            GivenImage::File(Bytes::from_static(bytes))
        })
    }

    fn change(title: &str, image: Option<&'static [u8]>) -> FoodChange {
        FoodChange::parse(title, "<p>Now with egg</p>", given(image), MAX_BYTES).unwrap()
    }

    /// A food with its picture, and a clock that stands a minute later.
    async fn shared(foods: &MemoryFoods, images: &MemoryImages) -> (Food, FixedClock) {
        let food = sample::food(&sample::public_user(sample::moment()));
        foods.create(&food).await.unwrap();
        images.put(&food.image, &sample::image()).await.unwrap();
        let clock = FixedClock::at(food.updated_at);
        clock.advance(Duration::from_mins(1));
        (food, clock)
    }

    /// Reads the food, then changes it.
    async fn update(
        foods: &impl FoodRepository,
        images: &impl ImageStore,
        clock: &FixedClock,
        id: FoodId,
        user: UserId,
        change: FoodChange,
    ) -> Result<Food, UpdateFoodError> {
        let found = foods.find_latest(id).await?;
        let any = &Expected::Any;
        update_food(foods, images, clock, signed_in(user), found, any, change).await
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

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_in_order() {
        let parse = |title, description, image: Option<&'static [u8]>| {
            FoodChange::parse(title, description, given(image), 4)
                .unwrap_err()
                .0
        };
        assert_eq!(
            parse("", "<script></script>", Some(b"text")),
            [
                InvalidFoodField::TitleRequired,
                InvalidFoodField::DescriptionRequired,
                InvalidFoodField::InvalidImage(InvalidImage::Unrecognised),
            ]
        );
        let (title, description) = ("x".repeat(101), "x".repeat(20_001));
        assert_eq!(
            parse(&title, &description, Some(b"large")),
            [
                InvalidFoodField::TitleTooLong,
                InvalidFoodField::DescriptionTooLong,
                InvalidFoodField::InvalidImage(InvalidImage::TooLarge { max_bytes: 4 }),
            ]
        );
        assert_eq!(parse("", "Good", None), [InvalidFoodField::TitleRequired]);
    }

    #[tokio::test]
    async fn without_a_new_picture_the_old_one_stays() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let change = change("Fried rice", None);
        let changed = update(&foods, &images, &clock, food.id, food.creator.id, change)
            .await
            .unwrap();
        let expected = Food {
            title: Title::parse("Fried rice").unwrap(),
            description: Description::sanitize("<p>Now with egg</p>").unwrap(),
            updated_at: clock.now(),
            version: 2,
            ..food.clone()
        };
        assert_eq!(changed, expected);
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(changed));
        assert!(images.get(&food.image).is_some());
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_new_picture_takes_the_place_of_the_old_one() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let change = change(food.title.as_str(), Some(sample::GIF));
        let changed = update(&foods, &images, &clock, food.id, food.creator.id, change)
            .await
            .unwrap();
        assert_ne!(changed.image, food.image);
        assert!(images.get(&changed.image).is_some());
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn time_does_not_run_backwards() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, _) = shared(&foods, &images).await;
        let slow = FixedClock::default();
        assert!(slow.now() < food.updated_at);
        let change = change("Fried rice", None);
        let changed = update(&foods, &images, &slow, food.id, food.creator.id, change).await;
        assert_eq!(changed.unwrap().updated_at, food.updated_at);
    }

    #[tokio::test]
    async fn an_unknown_food_is_not_found() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let unknown = FoodId::new(sample::moment());
        let change = change("Fried rice", Some(sample::GIF));
        let refused = update(&foods, &images, &clock, unknown, food.creator.id, change).await;
        assert!(matches!(refused, Err(UpdateFoodError::NotFound)));
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn only_the_owner_changes_a_food() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let eve = UserId::new(sample::moment());
        let change = change("Mine", Some(sample::GIF));
        let refused = update(&foods, &images, &clock, food.id, eve, change).await;
        assert!(matches!(refused, Err(UpdateFoodError::NotOwner)));
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_taken_title_leaves_food_and_picture_as_they_were() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let (other, _) = shared(&foods, &images).await;
        let shouted = other.title.as_str().to_uppercase();
        let change = change(&shouted, Some(sample::GIF));
        let refused = update(&foods, &images, &clock, food.id, food.creator.id, change).await;
        assert!(matches!(refused, Err(UpdateFoodError::TitleTaken)));
        assert!(images.get(&food.image).is_some());
        assert_eq!(images.count(), 2);
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
    }

    #[tokio::test]
    async fn a_food_may_keep_its_title_or_spell_it_otherwise() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let shouted = food.title.as_str().to_uppercase();
        for title in [food.title.as_str(), &shouted] {
            let change = change(title, None);
            let changed = update(&foods, &images, &clock, food.id, food.creator.id, change).await;
            assert_eq!(changed.unwrap().title.as_str(), title);
        }
    }

    #[tokio::test]
    async fn a_failed_change_leaves_the_old_picture_and_the_new_one_to_be_swept() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let failing = faulty(&foods, "update", Fault::Unavailable);
        let change = change("Fried rice", Some(sample::GIF));
        let failed = update(&failing, &images, &clock, food.id, food.creator.id, change).await;
        assert!(matches!(failed, Err(UpdateFoodError::Repository(_))));
        assert!(images.get(&food.image).is_some());
        // What was sent may still land, and needs its picture then.
        assert_eq!(images.count(), 2);
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
    }

    #[tokio::test]
    async fn a_lost_answer_loses_neither_change_nor_picture() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let lossy = faulty(&foods, "update", Fault::ResponseLost);
        let change = change("Fried rice", Some(sample::GIF));
        let changed = update(&lossy, &images, &clock, food.id, food.creator.id, change)
            .await
            .unwrap();
        assert!(images.get(&changed.image).is_some());
        assert_eq!(images.count(), 1);
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(changed));
    }

    #[tokio::test]
    async fn where_nobody_can_tell_whether_the_change_is_saved_both_pictures_stay() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let saved = Cell::new(false);
        let foods = Faulty::new(&foods, async |call| match call {
            "update" => {
                saved.set(true);
                Fault::ResponseLost
            }
            _ if saved.get() => Fault::Unavailable,
            _ => Fault::None,
        });
        let change = change("Fried rice", Some(sample::GIF));
        let failed = update(&foods, &images, &clock, food.id, food.creator.id, change).await;
        assert!(matches!(failed, Err(UpdateFoodError::Repository(_))));
        assert_eq!(images.count(), 2);
    }

    #[tokio::test]
    async fn a_change_that_was_saved_and_sent_again_is_a_success() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        // As when the first answer is lost, and what is sent again meets what is saved.
        let repeating = faulty(&foods, "update", Fault::DeliveredTwice);
        let change = change("Fried rice", Some(sample::GIF));
        let saved = update(
            &repeating,
            &images,
            &clock,
            food.id,
            food.creator.id,
            change,
        )
        .await;
        let saved = saved.unwrap();
        assert_eq!(saved.version, 2);
        assert!(images.get(&saved.image).is_some());
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_change_that_meets_another_is_refused_and_leaves_no_picture() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let contended = Faulty::new(&foods, async |call| {
            if call == "update" {
                touch(&foods, food.id).await;
            }
            Fault::None
        });
        for expected in [Expected::Any, Expected::OneOf(vec![1, 2])] {
            let found = foods.find_latest(food.id).await.unwrap();
            let change = change("Fried rice", Some(sample::GIF));
            let who = signed_in(food.creator.id);
            let refused =
                update_food(&contended, &images, &clock, who, found, &expected, change).await;
            match (refused, expected) {
                (Err(UpdateFoodError::Conflict), Expected::Any)
                | (Err(UpdateFoodError::Stale), Expected::OneOf(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        let stored = foods.find_latest(food.id).await.unwrap().unwrap();
        assert_eq!((stored.title, stored.version), (food.title, 3));
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_change_to_a_version_that_was_not_expected_is_refused_before_anything_is_written() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let change = || change("Fried rice", Some(sample::GIF));
        let who = signed_in(food.creator.id);
        let (unreachable, away) = (unavailable(&foods), unavailable(&images));
        for expected in [Expected::OneOf(vec![]), Expected::OneOf(vec![2, 3])] {
            let found = Some(food.clone());
            let refused =
                update_food(&unreachable, &away, &clock, who, found, &expected, change()).await;
            assert!(matches!(refused, Err(UpdateFoodError::Stale)));
        }
        let (found, expected) = (Some(food), Expected::OneOf(vec![3, 1]));
        let changed = update_food(&foods, &images, &clock, who, found, &expected, change()).await;
        assert_eq!(changed.unwrap().version, 2);
    }

    #[tokio::test]
    async fn a_food_deleted_meanwhile_is_not_found_and_leaves_no_picture() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let contended = Faulty::new(&foods, async |call| {
            if call == "update" {
                foods.delete(&food).await.unwrap();
                images.delete(&food.image).await.unwrap();
            }
            Fault::None
        });
        let change = change("Fried rice", Some(sample::GIF));
        let refused = update(
            &contended,
            &images,
            &clock,
            food.id,
            food.creator.id,
            change,
        )
        .await;
        assert!(matches!(refused, Err(UpdateFoodError::NotFound)));
        assert_eq!(images.count(), 0);
    }

    #[tokio::test]
    async fn a_store_that_is_down_changes_nothing() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let change = || change("Fried rice", Some(sample::GIF));
        let failed = update(
            &unavailable(&foods),
            &images,
            &clock,
            food.id,
            food.creator.id,
            change(),
        )
        .await;
        assert!(matches!(failed, Err(UpdateFoodError::Repository(_))));
        assert_eq!(images.count(), 1);
        let failed = update(
            &foods,
            &unavailable(&images),
            &clock,
            food.id,
            food.creator.id,
            change(),
        )
        .await;
        assert!(matches!(failed, Err(UpdateFoodError::Repository(_))));
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
    }
}
