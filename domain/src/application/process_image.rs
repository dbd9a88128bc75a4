//! Making the variants of a picture, once it was saved.
//!
//! It is said at least once that a picture was saved, and nobody says in which order: so this may be
//! called for one that has its variants, for one that no food shows any more, and for one that no food
//! shows yet, because a picture is saved before the food that shows it. The last two look the same: only
//! time tells them apart.

use std::time::Duration;

use futures_util::future::try_join_all;
use thiserror::Error;

use crate::clock::{Clock, Timestamp};
use crate::food::FoodRepository;
use crate::image::{
    ImageKey, ImageScaler, ImageStore, ScaleError, Size, VariantKey, VariantStore, Variants,
};
use crate::storage::StorageError;

/// Longer than any request lives: a picture that no food shows by then never will be.
const GRACE: Duration = Duration::from_mins(2);

/// What became of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Processed {
    /// Its food shows these variants from now on.
    Made(Variants),
    /// It had them already.
    MadeBefore,
    /// No food shows it: neither it nor a variant of it is left.
    NotShown,
    /// There can be no variants of it. It stays as it is.
    NotScalable(ScaleError),
}

/// Why it is not known what will become of it: ask again later.
#[derive(Debug, Error)]
pub enum ProcessImageError {
    /// No food shows it, and one may do so yet.
    #[error("no food shows the picture yet")]
    NotShownYet,
    /// The scaler's variants are none of those that there may be.
    #[error("the variants have sizes of their own")]
    Sizes,
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// Makes the variants of the picture that was saved at this moment, and lets its food show them.
pub async fn process_image(
    foods: &impl FoodRepository,
    images: &(impl ImageStore + VariantStore),
    scaler: &impl ImageScaler,
    clock: &impl Clock,
    key: &ImageKey,
    saved_at: Timestamp,
) -> Result<Processed, ProcessImageError> {
    let may_be_shown_yet = saved_at.plus(GRACE) > clock.now();
    let food = foods.find_latest(key.food()).await?;
    match food.filter(|food| food.image == *key) {
        Some(food) if !food.variants.is_empty() => return Ok(Processed::MadeBefore),
        None if !may_be_shown_yet => {
            images.delete(key).await?;
            return Ok(Processed::NotShown);
        }
        Some(_) | None => {}
    }
    let Some(picture) = images.find_image(key).await? else {
        // What an attempt before has made of it.
        images.delete(key).await?;
        return Ok(Processed::NotShown);
    };
    let made = match scaler.scale(picture).await {
        Ok(made) => made,
        Err(error) => return Ok(Processed::NotScalable(error)),
    };
    let mut sizes: Vec<Size> = made.iter().map(|variant| variant.size).collect();
    sizes.dedup();
    let variants = Variants::new(sizes).map_err(|_| ProcessImageError::Sizes)?;
    let kept = made.into_iter().map(|variant| {
        let key = VariantKey::new(key, variant.size, variant.kind);
        async move { images.put_variant(&key, variant.bytes).await }
    });
    try_join_all(kept).await?;
    if foods.set_variants(key, &variants).await? {
        return Ok(Processed::Made(variants));
    }
    if may_be_shown_yet {
        return Err(ProcessImageError::NotShownYet);
    }
    images.delete(key).await?;
    Ok(Processed::NotShown)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::food::Food;
    use crate::image::{Variant, VariantKind};
    use crate::testing::{
        Fault, Faulty, FixedClock, MemoryFoods, MemoryImages, sample, unavailable,
    };

    /// Two sizes of anything, and counts them.
    struct Scaler(Result<(), ScaleError>);

    impl ImageScaler for Scaler {
        async fn scale(&self, picture: Bytes) -> Result<Vec<Variant>, ScaleError> {
            self.0?;
            let sizes = [(320, 200), (500, 312)].map(|(width, height)| Size { width, height });
            let variant = |size, kind| Variant {
                size,
                kind,
                bytes: picture.clone(),
            };
            let both = |size| VariantKind::ALL.map(|kind| variant(size, kind));
            Ok(sizes.into_iter().flat_map(both).collect())
        }
    }

    #[derive(Default)]
    struct Stores {
        foods: MemoryFoods,
        images: MemoryImages,
        clock: FixedClock,
    }

    impl Stores {
        /// A food whose picture was saved just now.
        async fn food(&self) -> Food {
            let food = sample::food(&sample::public_user(sample::moment()));
            self.images
                .put(&food.image, &sample::image())
                .await
                .unwrap();
            food
        }

        async fn process(&self, key: &ImageKey) -> Result<Processed, ProcessImageError> {
            self.process_on(&self.foods, key).await
        }

        async fn process_on(
            &self,
            foods: &impl FoodRepository,
            key: &ImageKey,
        ) -> Result<Processed, ProcessImageError> {
            let saved_at = FixedClock::default().now();
            let (images, scaler) = (&self.images, Scaler(Ok(())));
            process_image(foods, images, &scaler, &self.clock, key, saved_at).await
        }
    }

    fn both() -> Variants {
        Variants::parse("320x200 500x312").unwrap()
    }

    #[tokio::test]
    async fn a_food_shows_the_variants_of_its_picture_and_keeps_its_version() {
        let stores = Stores::default();
        let food = stores.food().await;
        stores.foods.create(&food).await.unwrap();
        let made = stores.process(&food.image).await.unwrap();
        assert_eq!(made, Processed::Made(both()));
        let expected = Food {
            variants: both(),
            ..food.clone()
        };
        let food_now = stores.foods.find_latest(food.id).await.unwrap();
        assert_eq!(food_now, Some(expected));
        assert_eq!(stores.images.count(), 5);
        for name in ["320.jpg", "320.webp", "640.jpg", "640.webp"] {
            let (_, picture) = food.image.as_str().split_once('/').unwrap();
            let key = format!("variants/{picture}/{name}");
            assert!(stores.images.object(&key).is_some(), "{key}");
        }
        let again = stores.process(&food.image).await.unwrap();
        assert_eq!(again, Processed::MadeBefore);
        assert_eq!(stores.images.count(), 5);
    }

    #[tokio::test]
    async fn a_picture_that_no_food_shows_yet_is_asked_for_again() {
        let stores = Stores::default();
        let food = stores.food().await;
        let early = stores.process(&food.image).await;
        assert!(matches!(early, Err(ProcessImageError::NotShownYet)));
        stores.foods.create(&food).await.unwrap();
        let made = stores.process(&food.image).await.unwrap();
        assert_eq!(made, Processed::Made(both()));
    }

    #[tokio::test]
    async fn a_picture_that_no_food_came_to_show_goes_with_its_variants() {
        let stores = Stores::default();
        let food = stores.food().await;
        assert!(stores.process(&food.image).await.is_err());
        stores.clock.advance(GRACE + Duration::from_secs(1));
        let late = stores.process(&food.image).await.unwrap();
        assert_eq!(late, Processed::NotShown);
        assert_eq!(stores.images.count(), 0);
    }

    #[tokio::test]
    async fn where_the_picture_is_gone_nothing_is_left_of_it() {
        let stores = Stores::default();
        let food = stores.food().await;
        assert!(stores.process(&food.image).await.is_err());
        stores.images.delete(&food.image).await.unwrap();
        let variant = food.image.variants().next().unwrap();
        let bytes = Bytes::from_static(sample::GIF);
        stores.images.put_variant(&variant, bytes).await.unwrap();
        let gone = stores.process(&food.image).await.unwrap();
        assert_eq!(gone, Processed::NotShown);
        assert_eq!(stores.images.count(), 0);
    }

    #[tokio::test]
    async fn a_picture_that_another_food_is_about_to_show_stays() {
        let stores = Stores::default();
        let food = stores.food().await;
        stores.foods.create(&food).await.unwrap();
        let key = ImageKey::new(food.id, sample::image().kind(), stores.clock.now());
        stores.images.put(&key, &sample::image()).await.unwrap();
        let early = stores.process(&key).await;
        assert!(matches!(early, Err(ProcessImageError::NotShownYet)));
        assert!(stores.images.get(&key).is_some());
        let repainted = Food {
            image: key.clone(),
            version: 2,
            ..food.clone()
        };
        stores.foods.update(&food, &repainted).await.unwrap();
        let made = stores.process(&key).await.unwrap();
        assert_eq!(made, Processed::Made(both()));
    }

    #[tokio::test]
    async fn of_a_picture_that_was_replaced_nothing_is_left() {
        let stores = Stores::default();
        let food = stores.food().await;
        stores.foods.create(&food).await.unwrap();
        let repainted = Food {
            image: ImageKey::new(food.id, sample::image().kind(), stores.clock.now()),
            version: 2,
            ..food.clone()
        };
        stores.clock.advance(GRACE + Duration::from_secs(1));
        // After the food was read, and before it is begun.
        let contended = Faulty::new(&stores.foods, async |call| {
            if call == "set_variants" {
                stores.foods.update(&food, &repainted).await.unwrap();
            }
            Fault::None
        });
        let replaced = stores.process_on(&contended, &food.image).await.unwrap();
        assert_eq!(replaced, Processed::NotShown);
        let before = stores.process(&food.image).await.unwrap();
        assert_eq!(before, Processed::NotShown);
        for key in food.image.variants() {
            assert_eq!(stores.images.object(key.as_str()), None);
        }
        assert_eq!(stores.images.get(&food.image), None);
        let food_now = stores.foods.find_latest(food.id).await.unwrap();
        assert_eq!(food_now, Some(repainted));
    }

    #[tokio::test]
    async fn what_cannot_be_scaled_stays_as_it_is() {
        let stores = Stores::default();
        let food = stores.food().await;
        stores.foods.create(&food).await.unwrap();
        let (foods, images, clock) = (&stores.foods, &stores.images, &stores.clock);
        let scaler = Scaler(Err(ScaleError::Unreadable));
        let processed = process_image(foods, images, &scaler, clock, &food.image, clock.now());
        let expected = Processed::NotScalable(ScaleError::Unreadable);
        assert_eq!(processed.await.unwrap(), expected);
        assert!(stores.images.get(&food.image).is_some());
        let food_now = stores.foods.find_latest(food.id).await.unwrap();
        assert_eq!(food_now, Some(food));
    }

    #[tokio::test]
    async fn where_foods_cannot_be_read_nothing_is_removed() {
        let stores = Stores::default();
        let food = stores.food().await;
        let failed = stores
            .process_on(&unavailable(&stores.foods), &food.image)
            .await;
        assert!(matches!(failed, Err(ProcessImageError::Repository(_))));
        assert_eq!(stores.images.count(), 1);
    }
}
