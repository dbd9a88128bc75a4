//! Tidying up: pictures that no food refers to, uploads that no food was given, and what somebody
//! shared in the moment of leaving.
//!
//! A picture has a key of its own (docs/decisions/0002-one-key-per-upload.md), and only the request that
//! uploaded it ever makes a food refer to it. So a picture that is older than any request lives, and
//! that no food refers to then, never will be: nothing that happens meanwhile can make it wrong
//! to remove it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use super::delete_user::{DeleteUserError, delete_foods};
use crate::clock::{Clock, Timestamp};
use crate::food::FoodRepository;
use crate::id::UserId;
use crate::image::{ImageKey, ImageStore, StoredImage, StoredKey, UploadKey, UploadStore};
use crate::page::{PageRequest, PageSize};
use crate::storage::StorageError;
use crate::user::UserRepository;

/// How many foods are read, and how many pictures removed, at once.
const AT_ONCE: usize = 100;
/// How long it is remembered who left. A request that was under way then is long over.
const REMEMBERED: Duration = Duration::from_hours(24);

/// What a sweep found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Pictures, variants and uploads there were.
    pub listed: u64,
    /// Those of them too young to be looked at.
    pub young: u64,
    /// Objects that are nothing of ours. They stay.
    pub foreign: u64,
    /// Pictures that no food refers to, removed with their variants.
    pub removed: u64,
    /// Uploads that no food was given, removed.
    pub expired: u64,
    /// What was to be removed and could not be.
    pub failed: u64,
    /// Users who left, of whom it was looked whether anything is left.
    pub left: u64,
}

/// Looks at everything that is older than `min_age`, and removes pictures that no food refers to, with
/// their variants, and uploads.
/// Stopped at any point, it has done nothing by halves.
pub async fn sweep_images(
    users: &impl UserRepository,
    foods: &impl FoodRepository,
    images: &(impl ImageStore + UploadStore),
    clock: &impl Clock,
    min_age: Duration,
) -> Result<Swept, SweepError> {
    let began_at = clock.now();
    let mut swept = Swept {
        left: Box::pin(sweep_left(users, foods, images, began_at)).await?,
        ..Swept::default()
    };
    let mut after = None;
    loop {
        let listed = images.list(after.as_deref()).await?;
        let Some(last) = listed.last() else {
            return Ok(swept);
        };
        after = Some(last.key.clone());
        let (mut pictures, mut uploads) = (BTreeSet::new(), Vec::new());
        for StoredImage { key, stored_at } in listed {
            swept.listed += 1;
            match StoredKey::parse(&key) {
                Err(_) => swept.foreign += 1,
                Ok(_) if stored_at.plus(min_age) > began_at => swept.young += 1,
                Ok(StoredKey::Image(key)) => drop(pictures.insert(key)),
                Ok(StoredKey::Variant(key)) => drop(pictures.insert(key.image().clone())),
                Ok(StoredKey::Upload(key)) => uploads.push(key),
            }
        }
        let pictures: Vec<_> = pictures.into_iter().collect();
        for some in pictures.chunks(AT_ONCE) {
            let removed = Box::pin(remove_unused(foods, images, some)).await?;
            swept.count(&removed, |swept| &mut swept.removed);
        }
        for some in uploads.chunks(AT_ONCE) {
            let removed = Box::pin(remove_uploads(images, some)).await;
            swept.count(&removed, |swept| &mut swept.expired);
        }
    }
}

impl Swept {
    fn count(
        &mut self,
        removed: &[Result<(), StorageError>],
        done: impl Fn(&mut Self) -> &mut u64,
    ) {
        for removed in removed {
            match removed {
                Ok(()) => *done(self) += 1,
                Err(_) => self.failed += 1,
            }
        }
    }
}

/// Why a sweep ended before its end; see [`DeleteUserError`].
pub type SweepError = DeleteUserError;

/// Removes those of the pictures that no food refers to, and tells of each what became of it.
async fn remove_unused(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    keys: &[ImageKey],
) -> Result<Vec<Result<(), StorageError>>, StorageError> {
    let mut ids: Vec<_> = keys.iter().map(ImageKey::food).collect();
    ids.sort_unstable();
    ids.dedup();
    let referenced = foods.find_images(&ids).await?;
    let unused = keys.iter().filter(|key| !referenced.contains(key));
    Ok(join_all(unused.map(|key| Box::pin(images.delete(key)))).await)
}

async fn remove_uploads(
    uploads: &impl UploadStore,
    keys: &[UploadKey],
) -> Vec<Result<(), StorageError>> {
    join_all(keys.iter().map(|key| Box::pin(uploads.delete_upload(key)))).await
}

/// Deletes the foods of those who left, which were shared while they did, and forgets who left long
/// enough ago. Gives how many there were.
async fn sweep_left(
    users: &impl UserRepository,
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    now: Timestamp,
) -> Result<u64, SweepError> {
    let (mut after, mut count): (Option<UserId>, u64) = (None, 0);
    loop {
        let request = PageRequest {
            after,
            size: PageSize::default(),
        };
        let page = users.list_left(request).await?;
        for left in &page.items {
            Box::pin(delete_foods(foods, images, left.user)).await?;
            if left.at.plus(REMEMBERED) <= now {
                users.forget_left(left.user).await?;
            }
            count += 1;
        }
        after = page.items.last().map(|left| left.user);
        if !page.more {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::food::Food;
    use crate::id::ImageId;
    use crate::image::{Upload, VariantStore as _};
    use crate::password::PasswordHash;
    use crate::testing::{
        Fault, Faulty, FixedClock, MemoryFoods, MemoryImages, MemoryUsers, sample, unavailable,
    };

    const A_DAY: Duration = Duration::from_hours(24);

    #[derive(Default)]
    struct Stores {
        users: MemoryUsers,
        foods: MemoryFoods,
        images: MemoryImages,
        clock: FixedClock,
    }

    impl Stores {
        async fn share(&self) -> Food {
            let food = sample::food(&sample::public_user(sample::moment()));
            self.images
                .put(&food.image, &sample::image())
                .await
                .unwrap();
            self.foods.create(&food).await.unwrap();
            food
        }

        /// A picture without a food.
        async fn orphan(&self) -> ImageKey {
            let key = sample::food(&sample::public_user(sample::moment())).image;
            self.images.put(&key, &sample::image()).await.unwrap();
            key
        }

        async fn sweep(&self) -> Swept {
            let Self {
                users,
                foods,
                images,
                clock,
            } = self;
            sweep_images(users, foods, images, clock, A_DAY)
                .await
                .unwrap()
        }
    }

    #[tokio::test]
    async fn orphans_go_when_they_are_old_and_what_is_shown_stays() {
        let stores = Stores::default();
        let (food, orphan) = (stores.share().await, stores.orphan().await);
        // Another picture of a food that has one: replaced, and left behind.
        let replaced = ImageKey::new(food.id, sample::image().kind(), sample::moment());
        stores
            .images
            .put(&replaced, &sample::image())
            .await
            .unwrap();
        let young = stores.sweep().await;
        assert_eq!((young.listed, young.young, young.removed), (3, 3, 0));
        stores.clock.advance(A_DAY * 2);
        let expected = Swept {
            listed: 3,
            removed: 2,
            ..Swept::default()
        };
        assert_eq!(stores.sweep().await, expected);
        assert!(stores.images.get(&food.image).is_some());
        for gone in [orphan, replaced] {
            assert_eq!(stores.images.get(&gone), None);
        }
        let nothing = stores.sweep().await;
        assert_eq!((nothing.listed, nothing.removed), (1, 0));
    }

    #[tokio::test]
    async fn variants_go_and_stay_with_their_picture() {
        let stores = Stores::default();
        let (food, orphan) = (stores.share().await, stores.orphan().await);
        let left_behind = stores.orphan().await;
        for key in [&food.image, &orphan, &left_behind] {
            for variant in key.variants() {
                let bytes = Bytes::from_static(sample::GIF);
                stores.images.put_variant(&variant, bytes).await.unwrap();
            }
        }
        // A variant that was made while its picture was removed.
        let variant = left_behind.variants().nth(5).unwrap();
        stores.images.delete(&left_behind).await.unwrap();
        let bytes = Bytes::from_static(sample::GIF);
        stores.images.put_variant(&variant, bytes).await.unwrap();
        stores.clock.advance(A_DAY * 2);
        let swept = stores.sweep().await;
        assert_eq!((swept.listed, swept.removed), (9 + 9 + 1, 2));
        assert_eq!(stores.images.count(), 9);
        assert!(stores.images.get(&food.image).is_some());
    }

    #[tokio::test]
    async fn an_upload_that_no_food_was_given_goes_after_a_day() {
        let stores = Stores::default();
        let key = UploadKey::new(
            UserId::new(sample::moment()),
            ImageId::new(sample::moment()),
        );
        stores.images.upload(Upload {
            key: key.clone(),
            declared: None,
            bytes: Bytes::from_static(b"anything"),
        });
        let young = stores.sweep().await;
        assert_eq!((young.young, young.expired), (1, 0));
        stores.clock.advance(A_DAY * 2);
        assert_eq!(stores.sweep().await.expired, 1);
        assert_eq!(stores.images.count(), 0);
    }

    #[tokio::test]
    async fn all_of_many_are_looked_at() {
        let stores = Stores::default();
        let mut shown = Vec::new();
        for nth in 0..2_400 {
            if nth % 12 == 0 {
                shown.push(stores.share().await.image);
            } else {
                stores.orphan().await;
            }
        }
        stores.clock.advance(A_DAY * 2);
        let swept = stores.sweep().await;
        assert_eq!((swept.listed, swept.removed), (2_400, 2_200));
        assert!(shown.iter().all(|key| stores.images.get(key).is_some()));
    }

    #[tokio::test]
    async fn a_food_that_changes_its_picture_meanwhile_keeps_the_new_one() {
        let stores = Stores::default();
        let food = stores.share().await;
        stores.clock.advance(A_DAY * 2);
        let (foods, images) = (&stores.foods, &stores.images);
        let repainted = Food {
            image: ImageKey::new(food.id, sample::image().kind(), sample::moment()),
            version: 2,
            ..food.clone()
        };
        let contended = Faulty::new(foods, async |call| {
            // Before and after the food is read: the one is young, the other was shown.
            if call == "find_images" && images.get(&repainted.image).is_none() {
                let put = images.put(&repainted.image, &sample::image()).await;
                put.unwrap();
                foods.update(&food, &repainted).await.unwrap();
            }
            Fault::None
        });
        let swept = sweep_images(&stores.users, &contended, images, &stores.clock, A_DAY).await;
        assert_eq!(swept.unwrap().removed, 1);
        assert!(images.get(&repainted.image).is_some());
    }

    #[tokio::test]
    async fn what_was_shared_in_the_moment_of_leaving_goes_and_is_looked_for_a_day_long() {
        let stores = Stores::default();
        let user = sample::user();
        let hash = PasswordHash::new("a hash".to_owned());
        stores.users.create(&user, &hash).await.unwrap();
        let others = stores.share().await;
        let now = stores.clock.now();
        stores.users.delete(user.public.id, now).await.unwrap();
        for _ in 0..2 {
            let late = sample::food(&user.public);
            stores
                .images
                .put(&late.image, &sample::image())
                .await
                .unwrap();
            stores.foods.create(&late).await.unwrap();
            assert_eq!(stores.sweep().await.left, 1);
            assert_eq!(stores.foods.find_latest(late.id).await.unwrap(), None);
            assert_eq!(stores.images.get(&late.image), None);
        }
        stores.clock.advance(REMEMBERED);
        assert_eq!(stores.sweep().await.left, 1);
        assert_eq!(stores.sweep().await.left, 0);
        assert_eq!(
            stores.foods.find_latest(others.id).await.unwrap(),
            Some(others)
        );
    }

    #[tokio::test]
    async fn where_foods_cannot_be_read_nothing_is_removed() {
        let stores = Stores::default();
        stores.orphan().await;
        stores.clock.advance(A_DAY * 2);
        let (users, images, clock) = (&stores.users, &stores.images, &stores.clock);
        let failed = sweep_images(users, &unavailable(&stores.foods), images, clock, A_DAY).await;
        assert!(matches!(failed, Err(SweepError::Repository(_))));
        assert_eq!(images.count(), 1);
    }
}
