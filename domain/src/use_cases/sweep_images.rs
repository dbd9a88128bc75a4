//! Garbage collection of unused renditions, of uploads that were never attached, and of foods and likes that were created
//! while their user deleted the account.
//!
//! Every image has its own id, and only the request that stored it can attach it to a food. An unused image
//! that is older than any running request is therefore never used later, so deleting it is free of races.

use std::time::Duration;

use futures_util::future::join_all;

use super::delete_user::{DeleteUserError, delete_foods};
use super::unlike_food::delete_likes;
use crate::clock::{Clock, Timestamp};
use crate::food::FoodRepository;
use crate::id::{FoodId, UserId};
use crate::image::{ImageStore, RenditionKey, StoredObject, UploadKey, UploadStore};
use crate::like::LikeRepository;
use crate::page::PageRequest;
use crate::storage::StorageError;
use crate::user::UserRepository;

/// The number of renditions that are checked, or of uploads that are deleted, at once.
const BATCH: usize = 100;
/// How long tombstones of deleted accounts are stored; longer than any running request.
const TOMBSTONE_TTL: Duration = Duration::from_hours(24);

/// The result of one sweep: numbers of objects and accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Objects that the sweep listed, in both buckets together.
    pub listed: u64,
    /// Objects skipped because they are younger than the minimum age.
    pub skipped_recent: u64,
    /// Objects skipped because their key has an unknown format.
    pub unknown_keys: u64,
    /// Unused renditions that were deleted.
    pub removed: u64,
    /// Unattached uploads that were deleted.
    pub expired_uploads: u64,
    /// Objects that could not be deleted. The next sweep retries.
    pub failed: u64,
    /// Deleted accounts whose remaining foods and likes were deleted.
    pub tombstones: u64,
}

/// Why a sweep stopped early; see [`DeleteUserError`].
pub type SweepError = DeleteUserError;

/// Deletes unused renditions and all uploads that are older than `min_age`, and remaining foods and likes of
/// deleted accounts. Can be interrupted at any point and run again.
pub async fn sweep_images(
    users: &impl UserRepository,
    foods: &impl FoodRepository,
    likes: &impl LikeRepository,
    images: &impl ImageStore,
    uploads: &impl UploadStore,
    clock: &impl Clock,
    min_age: Duration,
) -> Result<GcReport, SweepError> {
    let now = clock.now();
    let mut report = GcReport {
        tombstones: Box::pin(sweep_tombstones(users, foods, likes, images, now)).await?,
        ..GcReport::default()
    };
    let mut after = None;
    loop {
        let objects = images.list(after.as_deref()).await?;
        let Some(last) = objects.last() else { break };
        after = Some(last.key.clone());
        let keys = report.select(objects, now, min_age, RenditionKey::parse);
        // Keys are listed in order, so the renditions of a food are adjacent.
        for batch in keys.chunks(BATCH) {
            Box::pin(delete_unused(foods, images, batch, &mut report)).await?;
        }
    }
    let mut after = None;
    loop {
        let objects = uploads.list(after.as_deref()).await?;
        let Some(last) = objects.last() else { break };
        after = Some(last.key.clone());
        let keys = report.select(objects, now, min_age, UploadKey::parse);
        for batch in keys.chunks(BATCH) {
            let deleted = batch.iter().map(|key| Box::pin(uploads.delete(*key)));
            let deleted = join_all(deleted).await;
            let failed = deleted.iter().filter(|deleted| deleted.is_err()).count();
            report.failed += count(failed);
            report.expired_uploads += count(batch.len() - failed);
        }
    }
    Ok(report)
}

impl GcReport {
    /// Returns the parsed keys of objects that are at least `min_age` old, and counts all objects in the
    /// report.
    fn select<K, E>(
        &mut self,
        objects: Vec<StoredObject>,
        now: Timestamp,
        min_age: Duration,
        parse: impl Fn(&str) -> Result<K, E>,
    ) -> Vec<K> {
        let mut keys = Vec::new();
        for StoredObject { key, stored_at } in objects {
            self.listed += 1;
            match parse(&key) {
                Err(_) => self.unknown_keys += 1,
                Ok(_) if stored_at.plus(min_age) > now => self.skipped_recent += 1,
                Ok(key) => keys.push(key),
            }
        }
        keys
    }
}

/// Deletes the renditions whose food does not exist or has another image.
async fn delete_unused(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    keys: &[RenditionKey],
    report: &mut GcReport,
) -> Result<(), StorageError> {
    let mut ids: Vec<FoodId> = keys.iter().map(|key| key.food).collect();
    ids.dedup();
    let used = foods.find_images(&ids).await?;
    let unused = keys.iter().copied();
    let unused: Vec<_> = unused.filter(|key| !used.contains(&key.image)).collect();
    if unused.is_empty() {
        return Ok(());
    }
    match images.delete(&unused).await {
        Ok(()) => report.removed += count(unused.len()),
        Err(_) => report.failed += count(unused.len()),
    }
    Ok(())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Deletes remaining foods and likes of deleted accounts, and removes expired tombstones. Returns the number of
/// tombstones.
async fn sweep_tombstones(
    users: &impl UserRepository,
    foods: &impl FoodRepository,
    likes: &impl LikeRepository,
    images: &impl ImageStore,
    now: Timestamp,
) -> Result<u64, SweepError> {
    let (mut after, mut count): (Option<UserId>, u64) = (None, 0);
    loop {
        let page = users.list_tombstones(PageRequest::with_max_size(after)).await?;
        for tombstone in &page.items {
            Box::pin(delete_foods(foods, images, tombstone.user)).await?;
            Box::pin(delete_likes(likes, tombstone.user)).await?;
            if tombstone.at.plus(TOMBSTONE_TTL) <= now {
                users.remove_tombstone(tombstone.user).await?;
            }
            count += 1;
        }
        after = page.items.last().map(|tombstone| tombstone.user);
        if !page.more {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::food::Food;
    use crate::like::Like;
    use crate::password::PasswordHash;
    use crate::testing::{MemoryUsers, contended, sample, unavailable};
    use crate::use_cases::ImagePipeline;
    use crate::use_cases::test_support::FoodFixture;

    const A_DAY: Duration = Duration::from_hours(24);

    impl FoodFixture {
        /// Stores the image of a food without storing the food; returns the food.
        fn add_orphan(&self) -> Food {
            let food = sample::food(&sample::public_user(sample::timestamp()));
            self.images.store.put_image_of(&food);
            food
        }

        async fn sweep_with(
            &self,
            users: &impl UserRepository,
            foods: &impl FoodRepository,
        ) -> Result<GcReport, SweepError> {
            let ImagePipeline { store, uploads, .. } = &self.images;
            sweep_images(users, foods, &self.likes, store, uploads, &self.clock, A_DAY).await
        }

        async fn sweep(&self) -> GcReport {
            let users = MemoryUsers::default();
            self.sweep_with(&users, &self.foods).await.unwrap()
        }
    }

    #[tokio::test]
    async fn sweep_deletes_old_unused_images_and_keeps_used_ones() {
        let fixture = FoodFixture::new();
        let (food, orphan) = (fixture.add().await, fixture.add_orphan());
        let replaced = Food { image: sample::image(), ..food.clone() };
        fixture.images.store.put_image_of(&replaced);
        fixture.images.store.put_object("foods/notes.txt");
        let recent = fixture.sweep().await;
        let counts = (recent.listed, recent.skipped_recent, recent.removed);
        assert_eq!(counts, (13, 12, 0));
        fixture.clock.advance(A_DAY * 2);
        let expected = GcReport { listed: 13, removed: 8, unknown_keys: 1, ..GcReport::default() };
        assert_eq!(fixture.sweep().await, expected);
        assert!(fixture.has_image_of(&food));
        assert!(!fixture.has_image_of(&orphan));
        assert!(!fixture.has_image_of(&replaced));
        let again = fixture.sweep().await;
        assert_eq!((again.listed, again.removed), (5, 0));
    }

    #[tokio::test]
    async fn sweep_deletes_unused_uploads_after_a_day() {
        let fixture = FoodFixture::new();
        fixture.upload(UserId::new(sample::timestamp()));
        let recent = fixture.sweep().await;
        assert_eq!((recent.skipped_recent, recent.expired_uploads), (1, 0));
        fixture.clock.advance(A_DAY * 2);
        assert_eq!(fixture.sweep().await.expired_uploads, 1);
        assert_eq!(fixture.images.uploads.count(), 0);
    }

    #[tokio::test]
    async fn sweep_checks_all_pages_of_stored_images() {
        let fixture = FoodFixture::new();
        let mut used = Vec::new();
        for nth in 0..600 {
            if nth % 12 == 0 {
                used.push(fixture.add().await);
            } else {
                fixture.add_orphan();
            }
        }
        fixture.clock.advance(A_DAY * 2);
        let report = fixture.sweep().await;
        assert_eq!((report.listed, report.removed), (2_400, 2_200));
        assert!(used.iter().all(|food| fixture.has_image_of(food)));
    }

    #[tokio::test]
    async fn image_attached_during_sweep_stays() {
        let fixture = FoodFixture::new();
        let food = fixture.add().await;
        fixture.clock.advance(A_DAY * 2);
        let changed = Food { image: sample::image(), version: 2, ..food.clone() };
        let contended = contended(&fixture.foods, "find_images", async || {
            if !fixture.has_image_of(&changed) {
                fixture.images.store.put_image_of(&changed);
                fixture.foods.update(&food, &changed).await.unwrap();
            }
        });
        let report = fixture.sweep_with(&MemoryUsers::default(), &contended).await.unwrap();
        assert_eq!(report.removed, 4);
        assert!(fixture.has_image_of(&changed));
    }

    #[tokio::test]
    async fn sweep_deletes_foods_and_likes_created_during_user_deletion() {
        let (fixture, users, user) = (FoodFixture::new(), MemoryUsers::default(), sample::user());
        let hash = PasswordHash::new("a hash".to_owned());
        users.create(&user, &hash).await.unwrap();
        let other = fixture.add().await;
        let now = fixture.clock.now();
        users.delete(user.public.id, now).await.unwrap();
        let tombstones = async || {
            let report = fixture.sweep_with(&users, &fixture.foods).await;
            report.unwrap().tombstones
        };
        for _ in 0..2 {
            let late = sample::food(&user.public);
            fixture.images.store.put_image_of(&late);
            fixture.foods.create(&late).await.unwrap();
            let like = Like { user: user.public.id, food: other.id, liked_at: now };
            fixture.likes.create(&like).await.unwrap();
            assert_eq!(tombstones().await, 1);
            assert_eq!(fixture.likes.count(other.id).await.unwrap(), 0);
            assert_eq!(fixture.stored(&late).await, None);
            assert!(!fixture.has_image_of(&late));
        }
        fixture.clock.advance(TOMBSTONE_TTL);
        assert_eq!(tombstones().await, 1);
        assert_eq!(tombstones().await, 0);
        assert_eq!(fixture.stored(&other).await, Some(other));
    }

    #[tokio::test]
    async fn sweep_deletes_nothing_when_food_store_is_unavailable() {
        let fixture = FoodFixture::new();
        fixture.add_orphan();
        fixture.clock.advance(A_DAY * 2);
        let failed =
            fixture.sweep_with(&MemoryUsers::default(), &unavailable(&fixture.foods)).await;
        assert!(matches!(failed, Err(SweepError::Storage(_))));
        assert_eq!(fixture.images.store.count(), 4);
    }
}
