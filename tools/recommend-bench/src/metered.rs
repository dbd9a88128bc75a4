//! The memory adapters with the read and write units that `DynamoDB` charges for the same calls.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use domain::food::{Food, FoodCatalog};
use domain::id::{FoodId, UserId};
use domain::like::{
    LIKERS_PER_SHARD, Like, LikePosition, LikeRepository, Liker, Profile, SHARDS, StoredItem,
};
use domain::neighbours::{
    FoodNeighbours, Model, NeighbourList, NeighbourStore, Top, TopList, Versioned,
};
use domain::page::{Page, PageRequest};
use domain::storage::StorageError;
use domain::testing::{MemoryFoods, MemoryLikes};

/// Bytes of an item besides its list: keys, names and numbers.
const OTHER: usize = 120;
/// Bytes of a list of foods besides its entries.
const TOP: usize = 40;
/// Bytes of a like in the index `newest` or `likers`.
const LIKE: usize = 105;
/// Bytes of a food, as in section 1.8 of the design.
const FOOD: usize = 4_000;

/// Adapters that count units.
#[derive(Debug, Default)]
pub(crate) struct Metered {
    pub(crate) likes: MemoryLikes,
    pub(crate) foods: MemoryFoods,
    /// Half read units.
    half_reads: AtomicU64,
    writes: AtomicU64,
    /// Write units of the likes that lists show, which depend on the size of foods.
    shown: AtomicU64,
    /// The maximum number of newest likes that a read returns; 0: as many as requested.
    max_likes: AtomicUsize,
    /// Whether neighbours, lists and parameters are read as by updates: strongly consistent.
    is_update: AtomicBool,
    /// Foods that were written, as the stream of foods reports them.
    changes: Mutex<Vec<FoodId>>,
}

/// Read and write units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Units {
    pub(crate) reads: f64,
    pub(crate) writes: f64,
    pub(crate) shown: f64,
}

impl Units {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            reads: self.reads + other.reads,
            writes: self.writes + other.writes,
            shown: self.shown + other.shown,
        }
    }

    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            reads: self.reads.max(other.reads),
            writes: self.writes.max(other.writes),
            shown: self.shown.max(other.shown),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "no count is that large")]
    pub(crate) fn divided_by(self, count: usize) -> Self {
        let count = count as f64;
        Self { reads: self.reads / count, writes: self.writes / count, shown: self.shown / count }
    }
}

impl Metered {
    /// Limits the newest likes that are read.
    pub(crate) fn limit_newest_likes(&self, max: Option<usize>) {
        self.max_likes.store(max.unwrap_or(0), Ordering::Relaxed);
    }

    /// Sets whether an update or a request reads.
    pub(crate) fn set_update(&self, is_update: bool) {
        self.is_update.store(is_update, Ordering::Relaxed);
    }

    /// Counts a read of so many bytes of what updates derive.
    fn read_derived(&self, bytes: usize) {
        self.read(bytes);
        if self.is_update.load(Ordering::Relaxed) {
            self.read(bytes);
        }
    }

    /// Returns the foods that were written since the last call.
    pub(crate) fn take_changes(&self) -> Vec<FoodId> {
        std::mem::take(&mut self.changes.lock().expect("not poisoned"))
    }

    /// Returns the units since the last call.
    #[expect(clippy::cast_precision_loss, reason = "no count is that large")]
    pub(crate) fn take_units(&self) -> Units {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed) as f64;
        Units {
            reads: take(&self.half_reads) / 2.0,
            writes: take(&self.writes),
            shown: take(&self.shown),
        }
    }

    /// Counts an eventually consistent read of so many bytes.
    fn read(&self, bytes: usize) {
        self.half_reads.fetch_add(bytes.div_ceil(4096).max(1) as u64, Ordering::Relaxed);
    }

    /// Counts a batch of eventually consistent reads.
    fn read_each(&self, items: usize, bytes: usize) {
        for _ in 0..items {
            self.read(bytes);
        }
    }

    fn read_consistent(&self, bytes: usize) {
        self.read(bytes);
        self.read(bytes);
    }

    fn wrote(&self, bytes: usize) {
        self.writes.fetch_add(bytes.div_ceil(1024) as u64, Ordering::Relaxed);
    }
}

impl LikeRepository for Metered {
    async fn create(&self, like: &Like) -> Result<bool, StorageError> {
        self.wrote(6 * 1024);
        self.likes.create(like).await
    }

    async fn delete(&self, user: UserId, food: FoodId) -> Result<bool, StorageError> {
        self.wrote(6 * 1024);
        self.likes.delete(user, food).await
    }

    async fn count(&self, food: FoodId) -> Result<u64, StorageError> {
        self.read_consistent(8 * OTHER);
        self.likes.count(food).await
    }

    async fn count_likers(&self, food: FoodId) -> Result<u64, StorageError> {
        self.likes.count_likers(food).await
    }

    async fn find_liked(
        &self,
        user: UserId,
        foods: &[FoodId],
    ) -> Result<Vec<FoodId>, StorageError> {
        self.read_each(foods.len(), 2 * LIKE);
        self.likes.find_liked(user, foods).await
    }

    async fn newest_likes(&self, user: UserId, max: usize) -> Result<Vec<Like>, StorageError> {
        let max = match self.max_likes.load(Ordering::Relaxed) {
            0 => max,
            limit => max.min(limit),
        };
        let newest = self.likes.newest_likes(user, max).await?;
        self.read_consistent(newest.len() * LIKE);
        Ok(newest)
    }

    async fn list(
        &self,
        user: UserId,
        page: PageRequest<LikePosition>,
    ) -> Result<Page<Like>, StorageError> {
        let page = self.likes.list(user, page).await?;
        self.read_consistent(page.items.len() * LIKE);
        Ok(page)
    }

    async fn newest_likers(&self, food: FoodId) -> Result<Vec<Liker>, StorageError> {
        self.read_each(SHARDS, LIKERS_PER_SHARD * LIKE);
        self.likes.newest_likers(food).await
    }

    async fn find_profiles(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Versioned<Profile>)>, StorageError> {
        self.read_each(users.len(), 17 * Profile::MAX + OTHER);
        self.likes.find_profiles(users).await
    }

    async fn write_profile(
        &self,
        user: UserId,
        profile: Option<&Profile>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        self.wrote(profile.map_or(0, |profile| profile.pack().len()) + OTHER);
        self.likes.write_profile(user, profile, expected).await
    }

    async fn scan(&self, visit: impl FnMut(StoredItem) + Send) -> Result<(), StorageError> {
        self.likes.scan(visit).await
    }
}

impl NeighbourStore for Metered {
    async fn find(
        &self,
        foods: &[FoodId],
    ) -> Result<Vec<(FoodId, Versioned<FoodNeighbours>)>, StorageError> {
        for _ in foods {
            self.read_derived(18 * NeighbourList::MAX + OTHER);
        }
        self.likes.find(foods).await
    }

    async fn write(
        &self,
        food: FoodId,
        neighbours: Option<&FoodNeighbours>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        self.wrote(neighbours.map_or(0, |neighbours| neighbours.list.pack().len()) + OTHER);
        self.likes.write(food, neighbours, expected).await
    }

    async fn find_top(&self) -> Result<(Model, [Versioned<Top>; 3]), StorageError> {
        let found = self.likes.find_top().await?;
        self.read_derived(OTHER);
        for top in &found.1 {
            self.read_derived(top.value.pack().len() + TOP);
        }
        Ok(found)
    }

    async fn write_top(
        &self,
        list: TopList,
        top: &Top,
        expected: u64,
    ) -> Result<bool, StorageError> {
        self.wrote(top.pack().len() + TOP);
        self.likes.write_top(list, top, expected).await
    }

    async fn write_model(&self, model: &Model) -> Result<(), StorageError> {
        self.wrote(OTHER);
        self.likes.write_model(model).await
    }
}

impl FoodCatalog for Metered {
    async fn find_many(&self, foods: &[FoodId]) -> Result<Vec<Food>, StorageError> {
        self.read_each(foods.len(), FOOD);
        self.foods.find_many(foods).await
    }

    async fn find_existing(&self, foods: &[FoodId]) -> Result<Vec<FoodId>, StorageError> {
        self.read_each(2 * foods.len(), FOOD);
        self.foods.find_existing(foods).await
    }

    async fn set_likes(&self, food: FoodId, likes: u64) -> Result<bool, StorageError> {
        // The item and its entry in the index `feed`.
        self.shown.fetch_add(2 * FOOD.div_ceil(1024) as u64, Ordering::Relaxed);
        self.changes.lock().expect("not poisoned").push(food);
        self.foods.set_likes(food, likes).await
    }

    async fn scan_ids(&self, visit: impl FnMut(FoodId) + Send) -> Result<(), StorageError> {
        self.foods.scan_ids(visit).await
    }
}
