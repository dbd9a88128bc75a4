//! Changing a food.

use bytes::Bytes;
use thiserror::Error;

use super::SignedIn;
use super::create_food::{InvalidFood, parse_description, parse_image, parse_title};
use crate::clock::Clock;
use crate::food::{Description, Food, Title};
use crate::id::FoodId;
use crate::image::{Image, ImageKey};
use crate::repository::{self, FoodRepository, RepositoryError};
use crate::store::ImageStore;

/// How often a change is tried again on what others made of the food meanwhile. Each failure means
/// that somebody else's change went through.
const MAX_ATTEMPTS: usize = 64;

/// What somebody who changes a food says, once it is right.
#[derive(Debug, Clone)]
pub struct FoodChange {
    title: Title,
    description: Description,
    image: Option<Image>,
}

impl FoodChange {
    /// Checks everything and tells all that is wrong at once. Without a picture the old one stays.
    pub fn parse(
        title: &str,
        description: &str,
        image: Option<Bytes>,
        max_image_bytes: usize,
    ) -> Result<Self, InvalidFood> {
        let image = image
            .map(|bytes| parse_image(bytes, max_image_bytes))
            .transpose();
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
    /// Others keep changing it.
    #[error("the food is being changed too often")]
    Busy,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Makes the whole change or none of it, and removes the picture that is no longer shown. `found`
/// is the food, as [`FoodRepository::find_latest`] found it.
pub async fn update_food(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    clock: &impl Clock,
    who: SignedIn,
    found: Option<Food>,
    change: FoodChange,
) -> Result<Food, UpdateFoodError> {
    let current = own(found, who)?;
    let id = current.id;
    let uploaded = match &change.image {
        Some(image) => {
            let key = ImageKey::new(id, image.kind(), clock.now());
            images.put(&key, image).await?;
            Some(key)
        }
        None => None,
    };
    let first = current.image.clone();
    match save(foods, clock, who, current, &change, uploaded.as_ref()).await {
        Ok((replaced, saved)) => {
            // Where an answer was lost on the way, the food that was replaced is our own, and the
            // picture that is no longer shown is the one from before.
            let mut unused = vec![first, replaced.image];
            unused.dedup();
            for key in unused.iter().filter(|key| **key != saved.image) {
                // The food is saved; a picture left behind harms nobody.
                let _ = images.delete(key).await;
            }
            Ok(saved)
        }
        Err(error) => {
            if let Some(key) = uploaded
                && is_unused(foods, id, &key, &error).await
            {
                let _ = images.delete(&key).await;
            }
            Err(error)
        }
    }
}

fn own(found: Option<Food>, who: SignedIn) -> Result<Food, UpdateFoodError> {
    let food = found.ok_or(UpdateFoodError::NotFound)?;
    if food.creator.id == who.user {
        Ok(food)
    } else {
        Err(UpdateFoodError::NotOwner)
    }
}

/// Gives the food that was replaced and the one in its place.
async fn save(
    foods: &impl FoodRepository,
    clock: &impl Clock,
    who: SignedIn,
    mut current: Food,
    change: &FoodChange,
    uploaded: Option<&ImageKey>,
) -> Result<(Food, Food), UpdateFoodError> {
    for _ in 0..MAX_ATTEMPTS {
        let changed = Food {
            title: change.title.clone(),
            description: change.description.clone(),
            image: uploaded.unwrap_or(&current.image).clone(),
            updated_at: clock.now().max(current.updated_at),
            version: current.version + 1,
            ..current.clone()
        };
        match foods.update(&current, &changed).await {
            Ok(()) => return Ok((current, changed)),
            Err(repository::UpdateFoodError::TitleTaken) => {
                return Err(UpdateFoodError::TitleTaken);
            }
            Err(repository::UpdateFoodError::Repository(error)) => {
                // Perhaps only the answer was lost.
                return match foods.find_latest(current.id).await {
                    Ok(Some(saved)) if saved == changed => Ok((current, saved)),
                    _ => Err(error.into()),
                };
            }
            Err(repository::UpdateFoodError::Changed) => {
                current = own(foods.find_latest(current.id).await?, who)?;
            }
        }
    }
    Err(UpdateFoodError::Busy)
}

/// Whether surely no food refers to the picture that was uploaded for a change that failed.
async fn is_unused(
    foods: &impl FoodRepository,
    id: FoodId,
    key: &ImageKey,
    error: &UpdateFoodError,
) -> bool {
    match error {
        UpdateFoodError::Repository(_) => match foods.find_latest(id).await {
            Ok(Some(food)) => food.image != *key,
            Ok(None) => true,
            Err(_) => false,
        },
        UpdateFoodError::NotFound
        | UpdateFoodError::NotOwner
        | UpdateFoodError::TitleTaken
        | UpdateFoodError::Busy => true,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;
    use crate::application::InvalidFoodField;
    use crate::application::fakes::{Down, Meddled, Step, signed_in, unavailable};
    use crate::id::UserId;
    use crate::image::InvalidImage;
    use crate::testing::{FixedClock, MemoryFoods, MemoryImages, sample};

    const MAX_BYTES: usize = 1_000;

    fn change(title: &str, image: Option<&'static [u8]>) -> FoodChange {
        FoodChange::parse(
            title,
            "<p>Now with egg</p>",
            image.map(Bytes::from_static),
            MAX_BYTES,
        )
        .unwrap()
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
        update_food(foods, images, clock, signed_in(user), found, change).await
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
            FoodChange::parse(title, description, image.map(Bytes::from_static), 4)
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
    async fn a_failed_change_removes_only_the_new_picture() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        foods.fail();
        let change = change("Fried rice", Some(sample::GIF));
        let failed = update(&foods, &images, &clock, food.id, food.creator.id, change).await;
        assert!(matches!(failed, Err(UpdateFoodError::Repository(_))));
        assert!(images.get(&food.image).is_some());
        assert_eq!(images.count(), 1);
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
    }

    #[tokio::test]
    async fn a_lost_answer_loses_neither_change_nor_picture() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        foods.lose_answers();
        let change = change("Fried rice", Some(sample::GIF));
        let changed = update(&foods, &images, &clock, food.id, food.creator.id, change)
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
        foods.lose_answers();
        let saved = Cell::new(false);
        let foods = Meddled {
            foods: &foods,
            meddle: async |step| match step {
                Step::Find if saved.get() => Err(unavailable()),
                Step::Find => Ok(()),
                Step::Save => {
                    saved.set(true);
                    Ok(())
                }
            },
        };
        let change = change("Fried rice", Some(sample::GIF));
        let failed = update(&foods, &images, &clock, food.id, food.creator.id, change).await;
        assert!(matches!(failed, Err(UpdateFoodError::Repository(_))));
        assert_eq!(images.count(), 2);
    }

    #[tokio::test]
    async fn the_first_picture_is_removed_also_where_it_was_replaced_meanwhile() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let is_first = Cell::new(true);
        // As when our own save went through, its answer was lost, and it was sent again.
        let meddled = Meddled {
            foods: &foods,
            meddle: async |step| {
                if step == Step::Save && is_first.replace(false) {
                    let replaced = Food {
                        image: ImageKey::new(food.id, sample::image().kind(), sample::moment()),
                        version: food.version + 1,
                        ..food.clone()
                    };
                    images.put(&replaced.image, &sample::image()).await?;
                    foods.update(&food, &replaced).await.unwrap();
                }
                Ok(())
            },
        };
        let change = change("Fried rice", Some(sample::GIF));
        let saved = update(&meddled, &images, &clock, food.id, food.creator.id, change);
        let saved = saved.await.unwrap();
        assert!(images.get(&saved.image).is_some());
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_lost_change_that_somebody_built_upon_keeps_its_picture() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let saves = Cell::new(0);
        // The change goes through, its answer does not, and then somebody changes the title.
        let lossy = Meddled {
            foods: &foods,
            meddle: async |step| {
                if step == Step::Save {
                    saves.set(saves.get() + 1);
                } else if saves.replace(0) == 1 {
                    let current = foods.find_latest(food.id).await?.unwrap();
                    let retitled = Food {
                        title: Title::parse("Somebody's title").unwrap(),
                        version: current.version + 1,
                        ..current.clone()
                    };
                    // Is saved, though the answer is lost.
                    let _ = foods.update(&current, &retitled).await;
                }
                Ok(())
            },
        };
        foods.lose_answers();
        let change = change("Fried rice", Some(sample::GIF));
        let failed = update(&lossy, &images, &clock, food.id, food.creator.id, change).await;
        assert!(matches!(failed, Err(UpdateFoodError::Repository(_))));
        let stored = foods.find_latest(food.id).await.unwrap().unwrap();
        assert_eq!(stored.title.as_str(), "Somebody's title");
        assert_ne!(stored.image, food.image);
        assert!(images.get(&stored.image).is_some());
    }

    #[tokio::test]
    async fn a_change_is_made_again_on_what_others_made_of_the_food() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let rivals = Cell::new(3);
        let contended = Meddled {
            foods: &foods,
            meddle: async |step| {
                if step == Step::Save && rivals.get() > 0 {
                    rivals.set(rivals.get() - 1);
                    touch(&foods, food.id).await;
                }
                Ok(())
            },
        };
        let change = change("Fried rice", Some(sample::GIF));
        let changed = update(
            &contended,
            &images,
            &clock,
            food.id,
            food.creator.id,
            change,
        )
        .await;
        let changed = changed.unwrap();
        assert_eq!(changed.version, 5);
        assert!(images.get(&changed.image).is_some());
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn the_picture_that_a_rival_just_uploaded_is_the_one_removed() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let owner = food.creator.id;
        let first = Cell::new(true);
        let contended = Meddled {
            foods: &foods,
            meddle: async |step| {
                if step == Step::Save && first.replace(false) {
                    let rival = change("Rival rice", Some(sample::GIF));
                    let made = update(&foods, &images, &clock, food.id, owner, rival).await;
                    made.unwrap();
                }
                Ok(())
            },
        };
        let last = change("Fried rice", Some(sample::GIF));
        let changed = update(&contended, &images, &clock, food.id, owner, last).await;
        let changed = changed.unwrap();
        assert!(images.get(&changed.image).is_some());
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_change_gives_up_when_others_never_do() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let contended = Meddled {
            foods: &foods,
            meddle: async |step| {
                if step == Step::Save {
                    touch(&foods, food.id).await;
                }
                Ok(())
            },
        };
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
        assert!(matches!(refused, Err(UpdateFoodError::Busy)));
        assert!(images.get(&food.image).is_some());
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_food_deleted_meanwhile_is_not_found_and_leaves_no_picture() {
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let (food, clock) = shared(&foods, &images).await;
        let contended = Meddled {
            foods: &foods,
            meddle: async |step| {
                if step == Step::Save {
                    foods.delete(&food).await.unwrap();
                    images.delete(&food.image).await?;
                }
                Ok(())
            },
        };
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
        let failed = update(&Down, &images, &clock, food.id, food.creator.id, change()).await;
        assert!(matches!(failed, Err(UpdateFoodError::Repository(_))));
        assert_eq!(images.count(), 1);
        let failed = update(&foods, &Down, &clock, food.id, food.creator.id, change()).await;
        assert!(matches!(failed, Err(UpdateFoodError::Repository(_))));
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
    }
}
