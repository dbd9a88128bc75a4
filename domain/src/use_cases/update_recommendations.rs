//! Updating the data for recommendations after likes or foods changed.
//!
//! A change says which item changed, never how. Everything is computed from the current state and written on the condition of
//! the version that was read, and nothing is incremented. A change that arrives twice, late or out of order therefore does
//! no harm, and training repairs what a lost change left.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::future::{join_all, try_join_all};

use crate::clock::{Clock, Timestamp};
use crate::food::FoodCatalog;
use crate::id::{FoodId, UserId};
use crate::like::{LIKERS_PER_SHARD, Like, LikeRepository, LogLikes, Profile, ProfileEntry, count};
use crate::neighbours::{FoodNeighbours, Model, NeighbourStore, Source, Top, TopList, Versioned};
use crate::recommend::{self, hot, is_fresh, is_stale};
use crate::storage::StorageError;

/// The number of users or foods that are updated at once.
const CONCURRENCY: usize = 8;
/// The maximum number of attempts to write an item that concurrent updates keep changing.
pub(super) const MAX_ATTEMPTS: usize = 8;
/// The maximum number of keys of a batch.
pub(super) const MAX_BATCH: usize = 100;

/// The key of a changed item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// The user liked the food, or removed the like.
    Like {
        /// The user.
        user: UserId,
        /// The food.
        food: FoodId,
    },
    /// The food was created, updated or deleted.
    Food(FoodId),
}

/// The result of a batch of changes.
#[derive(Debug, Default)]
pub struct UpdateReport {
    /// Changes to deliver again. All others are applied.
    pub failed: BTreeSet<Change>,
    /// Why they failed.
    pub errors: Vec<StorageError>,
    /// The number of profiles that were written.
    pub profiles: u64,
    /// The number of neighbour lists that were computed.
    pub computed: u64,
}

/// Updates the profiles of users, the neighbours of foods, and the lists that are the same for everybody. Each user and each
/// food is updated once, however many changes the batch has of it.
///
/// A like costs at most 120 R: its user's newest 200 likes 5 and profile ½, the food's count 1 and neighbours 1, 8 shards of
/// likers 4, their profiles 100; the parameters and lists 4 a batch in which a list is stale. And 10 W: profile 4, neighbours 2, popular and trending foods
/// 4 a batch. Setting the likes that lists show costs W by the size of the food.
pub async fn update_recommendations(
    likes: &impl LikeRepository,
    neighbours: &impl NeighbourStore,
    catalog: &impl FoodCatalog,
    clock: &impl Clock,
    changes: &[Change],
) -> UpdateReport {
    let batch = Batch { likes, neighbours, catalog, now: clock.now() };
    let changes: BTreeSet<_> = changes.iter().copied().collect();
    let mut report = UpdateReport::default();
    let foods: BTreeSet<_> = changes.iter().map(Change::food).collect();
    let foods = batch.read(&foods.into_iter().collect::<Vec<_>>()).await;
    let mut failed_users = HashSet::new();
    let updated = match foods {
        Err(error) => Err(error),
        Ok(foods) => {
            // Neighbours are computed from profiles, so these are first.
            let counts: HashMap<_, _> = foods.iter().map(|food| (food.id, food.likes)).collect();
            let users: BTreeSet<_> = changes.iter().filter_map(Change::user).collect();
            let updated = users.iter().map(|user| update_profile(likes, *user, &counts));
            let updated = in_steps(updated.collect()).await;
            for (user, updated) in users.into_iter().zip(updated) {
                match updated {
                    Ok(is_written) => report.profiles += u64::from(is_written),
                    Err(error) => {
                        failed_users.insert(user);
                        report.errors.push(error);
                    }
                }
            }
            batch.update_foods(foods, &changes, &mut report.computed).await
        }
    };
    let has_failed = updated.is_err();
    report.errors.extend(updated.err());
    let is_failed = |change: &Change| {
        has_failed || change.user().is_some_and(|user| failed_users.contains(&user))
    };
    report.failed = changes.into_iter().filter(is_failed).collect();
    report
}

impl Change {
    fn food(&self) -> FoodId {
        match self {
            Self::Like { food, .. } | Self::Food(food) => *food,
        }
    }

    fn user(&self) -> Option<UserId> {
        match self {
            Self::Like { user, .. } => Some(*user),
            Self::Food(_) => None,
        }
    }
}

/// Awaits the futures in their order, some at once.
async fn in_steps<F: Future>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut results = Vec::with_capacity(futures.len());
    while !futures.is_empty() {
        let step = futures.drain(..futures.len().min(CONCURRENCY));
        results.extend(join_all(step).await);
    }
    results
}

pub(super) fn contended() -> StorageError {
    StorageError::Unavailable("too many concurrent updates of an item".into())
}

async fn count_likes(
    likes: &impl LikeRepository,
    food: FoodId,
) -> Result<(FoodId, u64), StorageError> {
    Ok((food, likes.count(food).await?))
}

/// Computes the profile of the user from the newest likes, and writes it if it differs. Returns whether it was written.
async fn update_profile(
    likes: &impl LikeRepository,
    user: UserId,
    counts: &HashMap<FoodId, u64>,
) -> Result<bool, StorageError> {
    for _ in 0..MAX_ATTEMPTS {
        let stored = likes.find_profiles(&[user]).await?;
        let stored = stored.into_iter().next().map(|(_, stored)| stored);
        // The version is older than the likes, so a write after a newer one is rejected.
        let newest = likes.newest_likes(user, Profile::MAX).await?;
        let known = stored.iter().flat_map(|stored| stored.value.entries());
        let mut known: HashMap<_, _> = known.map(|entry| (entry.food, entry.likes)).collect();
        known.extend(counts.iter().map(|(food, count)| (*food, LogLikes::new(*count))));
        let unknown: Vec<_> =
            newest.iter().map(|like| like.food).filter(|food| !known.contains_key(food)).collect();
        let counted = unknown.into_iter().map(|food| count_likes(likes, food));
        for counted in in_steps(counted.collect()).await {
            let (food, count) = counted?;
            known.insert(food, LogLikes::new(count));
        }
        let entry = |like: &Like| ProfileEntry { food: like.food, likes: known[&like.food] };
        let entries: Vec<_> = newest.iter().map(entry).collect();
        // Of more likes only the newest were read, so training counts them.
        let total = match &stored {
            Some(stored) if entries.len() == Profile::MAX => stored.value.likes(),
            _ => 0,
        };
        let profile = (!entries.is_empty()).then(|| Profile::new(entries, total));
        if profile.as_ref() == stored.as_ref().map(|stored| &stored.value) {
            return Ok(false);
        }
        let version = stored.map(|stored| stored.version);
        if likes.write_profile(user, profile.as_ref(), version).await? {
            return Ok(true);
        }
    }
    Err(contended())
}

/// Deletes the likes of a deleted food. Each deletion is a change of its own, which updates the profile of the user.
pub(super) async fn delete_likes_of_food(
    likes: &impl LikeRepository,
    food: FoodId,
) -> Result<(), StorageError> {
    loop {
        let likers = likes.newest_likers(food).await?;
        let deleted = likers.iter().map(|liker| likes.delete(liker.user, food));
        let deleted = in_steps(deleted.collect()).await;
        let deleted: Vec<_> = deleted.into_iter().collect::<Result<_, _>>()?;
        // The index may still have likes that are deleted.
        if deleted.iter().all(|is_deleted| !is_deleted) {
            return Ok(());
        }
    }
}

/// What changes in the lists that are the same for everybody.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopChange {
    /// The number of likes; `None` if the food does not exist.
    pub(super) likes: Option<u64>,
    pub(super) hot: f32,
}

impl TopChange {
    /// Returns the score of the food in a list; `None` if it does not belong there.
    pub(super) fn score(self, list: TopList, food: FoodId, now: Timestamp) -> Option<f32> {
        #[expect(clippy::cast_precision_loss, reason = "only for comparing")]
        let likes = self.likes.map(|likes| (likes, likes as f32));
        let score = match (list, likes?) {
            (TopList::Popular, (1.., score)) => score,
            (TopList::Trending, (1.., _)) if self.hot.is_finite() => self.hot,
            (TopList::Fresh, (likes, score)) if is_fresh(food, likes, now) => score,
            _ => return None,
        };
        Some(score)
    }
}

/// A food: what is stored, and then the number of its likes.
struct FoodState {
    id: FoodId,
    stored: Option<Versioned<FoodNeighbours>>,
    likes: u64,
}

impl FoodState {
    fn is_stale(&self) -> bool {
        let likes_then = self.stored.as_ref().map_or(0, |stored| stored.value.likes_then);
        is_stale(self.likes, likes_then)
    }
}

/// What is written for a food.
struct Computed {
    food: FoodState,
    exists: bool,
    /// `None` if the food has no likes or does not exist.
    neighbours: Option<FoodNeighbours>,
}

struct Batch<'a, L, N, C> {
    likes: &'a L,
    neighbours: &'a N,
    catalog: &'a C,
    now: Timestamp,
}

impl<L: LikeRepository, N: NeighbourStore, C: FoodCatalog> Batch<'_, L, N, C> {
    /// Reads foods. The versions are older than the likes, so a write after a newer one is rejected.
    async fn read(&self, foods: &[FoodId]) -> Result<Vec<FoodState>, StorageError> {
        let mut stored = HashMap::new();
        for foods in foods.chunks(MAX_BATCH) {
            stored.extend(self.neighbours.find(foods).await?);
        }
        let counts = foods.iter().map(|food| count_likes(self.likes, *food));
        let counts = in_steps(counts.collect()).await.into_iter();
        let state = |counted: Result<_, _>| {
            counted.map(|(id, likes)| FoodState { id, stored: stored.remove(&id), likes })
        };
        counts.map(state).collect()
    }

    /// Updates the neighbours of these foods, the likes that lists show, and the lists that are the same for everybody.
    async fn update_foods(
        &self,
        mut foods: Vec<FoodState>,
        changes: &BTreeSet<Change>,
        computed_lists: &mut u64,
    ) -> Result<(), StorageError> {
        let of_foods = |change: &Change| matches!(change, Change::Food(_)).then(|| change.food());
        let changed: Vec<_> = changes.iter().filter_map(of_foods).collect();
        let mut existing = HashSet::new();
        for changed in changed.chunks(MAX_BATCH) {
            existing.extend(self.catalog.find_existing(changed).await?);
        }
        let is_deleted =
            |food: &FoodState| changed.contains(&food.id) && !existing.contains(&food.id);
        let is_new = |food: &FoodState| {
            food.stored.is_none() && food.likes == 0 && existing.contains(&food.id)
        };
        let mut conflicts: Vec<FoodId> = Vec::new();
        for _ in 0..MAX_ATTEMPTS {
            // This batch has set the likes and list entries of a conflict to older ones, so it is computed again.
            let is_conflict = |food: &FoodState| conflicts.contains(&food.id);
            foods.retain(|food| {
                is_conflict(food) || is_deleted(food) || is_new(food) || food.is_stale()
            });
            if foods.is_empty() {
                return Ok(());
            }
            let (model, lists) = self.neighbours.find_top().await?;
            let is_unread = |food: &mut FoodState| is_new(food) && !is_conflict(food);
            let new = foods.extract_if(.., is_unread).map(|food| food.id);
            let mut top: BTreeMap<_, _> =
                new.map(|id| (id, TopChange { likes: Some(0), hot: 0.0 })).collect();
            let computed = foods.into_iter().map(|food| {
                let is_deleted = is_deleted(&food);
                self.compute(&model, food, is_deleted)
            });
            let computed = in_steps(computed.collect()).await;
            let computed: Vec<_> = computed.into_iter().collect::<Result<_, _>>()?;
            *computed_lists +=
                computed.iter().map(|computed| u64::from(computed.exists)).sum::<u64>();
            top.extend(computed.iter().map(|computed| (computed.food.id, computed.top_change())));
            // A food whose neighbours are written is not computed again, so its other data is written before.
            self.update_top(&model, lists, &top).await?;
            let written = computed.iter().map(|computed| self.write(computed));
            let written = in_steps(written.collect()).await;
            let written: Vec<_> = written.into_iter().collect::<Result<_, _>>()?;
            conflicts = written.into_iter().flatten().collect();
            if conflicts.is_empty() {
                return Ok(());
            }
            foods = self.read(&conflicts).await?;
        }
        Err(contended())
    }

    /// Computes the neighbours of a food, and shows its number of likes. If the food does not exist, deletes its likes.
    async fn compute(
        &self,
        model: &Model,
        food: FoodState,
        is_deleted: bool,
    ) -> Result<Computed, StorageError> {
        let stored = food.stored.as_ref().map(|stored| &stored.value);
        let (id, likes) = (food.id, food.likes);
        if is_deleted || !self.catalog.set_likes(id, likes).await? {
            delete_likes_of_food(self.likes, id).await?;
            return Ok(Computed { food, exists: false, neighbours: None });
        }
        if likes == 0 {
            return Ok(Computed { food, exists: true, neighbours: None });
        }
        let likers = self.likes.newest_likers(id).await?;
        let users: Vec<_> = likers.iter().map(|liker| liker.user).collect();
        let profiles = users.chunks(MAX_BATCH).map(|users| self.likes.find_profiles(users));
        let profiles = try_join_all(profiles).await?.into_iter().flatten();
        let mut profiles: HashMap<_, _> =
            profiles.map(|(user, stored)| (user, stored.value)).collect();
        // Likes that are not in the index, or in the profile of their user yet, have a later change: their own, or that of the
        // likes that the food shows.
        let has_like =
            |user: &UserId| profiles.get(user).is_some_and(|profile| profile.may_like(id));
        let expected = likes.min(count(LIKERS_PER_SHARD)).max(count(users.len()));
        let users: Vec<_> = users.into_iter().filter(has_like).collect();
        let likes_then = likes.saturating_sub(expected - count(users.len()));
        // In the order of the likers, so that sums are equal bit by bit.
        let profiles: Vec<_> = users.iter().filter_map(|user| profiles.remove(user)).collect();
        let trained = stored.filter(|stored| stored.source == Source::Trained);
        let liked_at: Vec<_> = likers.iter().map(|liker| liker.liked_at).collect();
        let neighbours = FoodNeighbours {
            list: recommend::neighbours(
                id,
                likes,
                &profiles,
                &model.weighting,
                trained.map(|stored| &stored.list),
            ),
            likes_then,
            hot: hot(&liked_at, likes, model.half_life),
            source: trained.map_or(Source::Online, |_| Source::Trained),
        };
        Ok(Computed { food, exists: true, neighbours: Some(neighbours) })
    }

    /// Writes the neighbours, even if they are equal: the number of likes that was set before is right only if the version is
    /// current. Returns the food if a concurrent update changed them.
    async fn write(&self, computed: &Computed) -> Result<Option<FoodId>, StorageError> {
        let Computed { food, neighbours, .. } = computed;
        if neighbours.is_none() && food.stored.is_none() {
            return Ok(None);
        }
        let version = food.stored.as_ref().map(|stored| stored.version);
        let is_written = self.neighbours.write(food.id, neighbours.as_ref(), version).await?;
        Ok((!is_written).then_some(food.id))
    }

    /// Writes the lists that change. `stored` are as they were read last. Fails if training has changed the half-life,
    /// because scores of two half-lives cannot be compared.
    async fn update_top(
        &self,
        model: &Model,
        mut stored: [Versioned<Top>; 3],
        changes: &BTreeMap<FoodId, TopChange>,
    ) -> Result<(), StorageError> {
        let mut pending = TopList::ALL.to_vec();
        for _ in 0..MAX_ATTEMPTS {
            let mut conflicts = Vec::new();
            for list in pending {
                let Versioned { value, version } = &stored[list as usize];
                let scores: Vec<_> = changes
                    .iter()
                    .map(|(food, change)| (*food, change.score(list, *food, self.now)))
                    .collect();
                let updated = value.updated(list, &scores);
                if updated != *value && !self.neighbours.write_top(list, &updated, *version).await?
                {
                    conflicts.push(list);
                }
            }
            pending = conflicts;
            if pending.is_empty() {
                return Ok(());
            }
            let (newer, lists) = self.neighbours.find_top().await?;
            if newer.half_life != model.half_life {
                return Err(contended());
            }
            stored = lists;
        }
        Err(contended())
    }
}

impl Computed {
    fn top_change(&self) -> TopChange {
        let hot = self.neighbours.as_ref().map_or(0.0, |neighbours| neighbours.hot);
        TopChange { likes: self.exists.then_some(self.food.likes), hot }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::food::FoodRepository;
    use crate::testing::{Fault, Faulty, faulty, sample, unavailable};
    use crate::use_cases::test_support::{LikeFixture, new_user, replay};
    use crate::use_cases::unlike_food;

    async fn profile_of(fixture: &LikeFixture, user: UserId) -> Option<Profile> {
        let found = fixture.likes.find_profiles(&[user]).await.unwrap().pop();
        found.map(|(_, stored)| stored.value)
    }

    async fn neighbours_of(fixture: &LikeFixture, food: FoodId) -> Option<FoodNeighbours> {
        let found = fixture.likes.find(&[food]).await.unwrap().pop();
        found.map(|(_, stored)| stored.value)
    }

    async fn top(fixture: &LikeFixture, list: TopList) -> Vec<FoodId> {
        let (_, lists) = fixture.likes.find_top().await.unwrap();
        lists[list as usize].value.as_slice().iter().map(|top| top.food).collect()
    }

    async fn update(
        fixture: &LikeFixture,
        neighbours: &impl NeighbourStore,
        changes: &[Change],
    ) -> UpdateReport {
        let (likes, foods) = (&fixture.likes, &fixture.foods);
        update_recommendations(likes, neighbours, foods, &fixture.clock, changes).await
    }

    #[tokio::test]
    async fn like_updates_profile_neighbours_lists_and_shown_likes() {
        let fixture = LikeFixture::new();
        let (soup, rice) = (fixture.add_food().await, fixture.add_food().await);
        let user = new_user();
        fixture.like(user, &soup).await;
        fixture.like(user, &rice).await;
        fixture.update().await;
        let profile = profile_of(&fixture, user.id).await.unwrap();
        let foods: Vec<_> = profile.entries().iter().map(|entry| entry.food).collect();
        assert_eq!(foods, [rice.id, soup.id]);
        for (food, other) in [(&soup, &rice), (&rice, &soup)] {
            let neighbours = neighbours_of(&fixture, food.id).await.unwrap();
            assert_eq!(neighbours.likes_then, 1);
            assert_eq!(neighbours.list.as_slice()[0].food, other.id);
            let shown = fixture.foods.find_many(&[food.id]).await.unwrap();
            assert_eq!(shown[0].likes, 1);
        }
        for list in TopList::ALL {
            let mut foods = top(&fixture, list).await;
            foods.sort_unstable();
            assert_eq!(foods, [soup.id, rice.id]);
        }
        unlike_food(&fixture.likes, user, Some(&soup)).await.unwrap();
        fixture.update().await;
        assert_eq!(neighbours_of(&fixture, soup.id).await, None);
        assert_eq!(top(&fixture, TopList::Popular).await, [rice.id]);
        unlike_food(&fixture.likes, user, Some(&rice)).await.unwrap();
        fixture.update().await;
        assert_eq!(profile_of(&fixture, user.id).await, None);
    }

    #[tokio::test]
    async fn changes_of_one_food_are_computed_once_a_batch() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        for _ in 0..30 {
            fixture.like(new_user(), &food).await;
        }
        let mut changes = fixture.changes();
        changes.extend_from_within(..);
        let report = update(&fixture, &fixture.likes, &changes).await;
        assert_eq!((report.computed, report.profiles), (1, 30));
        let report = update(&fixture, &fixture.likes, &changes).await;
        assert_eq!((report.computed, report.profiles), (0, 0));
    }

    #[tokio::test]
    async fn neighbours_are_recomputed_after_changes_of_10_percent() {
        let fixture = LikeFixture::new();
        let (food, mut computed) = (fixture.add_food().await, Vec::new());
        for nth in 1..=40 {
            fixture.like(new_user(), &food).await;
            let report = update(&fixture, &fixture.likes, &fixture.changes()).await;
            if report.computed > 0 {
                computed.push(nth);
            }
        }
        let expected = (1..=11).chain([13, 15, 17, 19, 21, 24, 27, 30, 33, 37]);
        assert_eq!(computed, expected.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn neighbours_include_profiles_that_arrive_later() {
        let fixture = LikeFixture::new();
        let (soup, rice) = (fixture.add_food().await, fixture.add_food().await);
        let (ada, eve) = (new_user(), new_user());
        fixture.update().await;
        fixture.like(ada, &soup).await;
        let first = fixture.changes();
        fixture.like(eve, &rice).await;
        fixture.like(eve, &soup).await;
        // The count already has Eve's like, but her profile is not written yet.
        assert_eq!(update(&fixture, &fixture.likes, &first).await.computed, 1);
        let neighbours = neighbours_of(&fixture, soup.id).await.unwrap();
        assert!(neighbours.list.as_slice().is_empty());
        fixture.update().await;
        let neighbours = neighbours_of(&fixture, soup.id).await.unwrap();
        assert_eq!(neighbours.list.as_slice()[0].food, rice.id);
        assert_eq!(neighbours.likes_then, 2);
    }

    #[tokio::test]
    async fn lists_for_everybody_are_read_only_if_neighbours_are_stale() {
        let (fixture, reads) = (LikeFixture::new(), AtomicUsize::new(0));
        let food = fixture.add_food().await;
        for _ in 0..20 {
            fixture.like(new_user(), &food).await;
        }
        fixture.update().await;
        let neighbours = Faulty::new(&fixture.likes, async |method| {
            reads.fetch_add(usize::from(method == "find_top"), Ordering::SeqCst);
            Fault::None
        });
        for expected in [0, 1] {
            fixture.like(new_user(), &food).await;
            let report = update(&fixture, &neighbours, &fixture.changes()).await;
            assert_eq!(report.profiles, 1);
            assert_eq!(reads.load(Ordering::SeqCst), expected);
        }
    }

    #[tokio::test]
    async fn deleted_food_is_in_no_list_after_one_delivery() {
        let fixture = LikeFixture::new();
        let (soup, rice) = (fixture.add_food().await, fixture.add_food().await);
        let users: Vec<_> = (0..300).map(|_| new_user()).collect();
        for user in &users {
            fixture.like(*user, &soup).await;
            fixture.like(*user, &rice).await;
        }
        fixture.update().await;
        fixture.delete_food(soup.id).await;
        // Slips in while the food is deleted.
        fixture.like(new_user(), &soup).await;
        fixture.update().await;
        assert_eq!(fixture.likes.stored_likes(soup.id), 0);
        assert_eq!(fixture.likes.count(soup.id).await.unwrap(), 0);
        assert_eq!(neighbours_of(&fixture, soup.id).await, None);
        for list in TopList::ALL {
            assert!(!top(&fixture, list).await.contains(&soup.id));
        }
        let profile = profile_of(&fixture, users[7].id).await.unwrap();
        assert_eq!(profile.entries().len(), 1);
    }

    #[tokio::test]
    async fn like_of_a_deleted_food_is_deleted_without_its_change() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        fixture.foods.delete(&food).await.unwrap();
        fixture.like(new_user(), &food).await;
        fixture.update().await;
        assert_eq!(fixture.likes.stored_likes(food.id), 0);
        assert!(top(&fixture, TopList::Popular).await.is_empty());
    }

    #[tokio::test]
    async fn order_and_repetition_of_changes_do_not_matter() {
        let expected = replay(&mut |_| {}).await;
        let doubled = replay(&mut |changes: &mut Vec<Change>| changes.extend_from_within(..)).await;
        let reversed = replay(&mut |changes: &mut Vec<Change>| changes.reverse()).await;
        let mut random = sample::Random::new(11);
        let shuffled = replay(&mut |changes: &mut Vec<Change>| random.shuffle(changes)).await;
        let mut nth = 0;
        let mut third = |_: &Change| {
            nth += 1;
            nth % 3 == 0
        };
        let with_gaps = replay(&mut |changes: &mut Vec<Change>| changes.retain(&mut third)).await;
        let lost = replay(&mut |changes: &mut Vec<Change>| changes.clear()).await;
        let mut last = Vec::new();
        let late =
            replay(&mut |changes: &mut Vec<Change>| std::mem::swap(changes, &mut last)).await;
        let mut all = Vec::new();
        let repeat = &mut |changes: &mut Vec<Change>| {
            all.append(changes);
            changes.clone_from(&all);
        };
        let repeated = replay(repeat).await;
        for (is_right, _) in [&expected, &doubled, &reversed, &shuffled, &repeated] {
            assert!(is_right);
        }
        for (is_right, _) in [&with_gaps, &lost, &late] {
            assert!(!is_right);
        }
        let (_, expected) = expected;
        let others = [doubled, reversed, shuffled, with_gaps, lost, late, repeated];
        for (nth, (_, other)) in others.iter().enumerate() {
            assert_eq!(other.len(), expected.len(), "{nth}");
            for (other, expected) in other.iter().zip(&expected) {
                assert_eq!(other, expected, "{nth}");
            }
        }
    }

    #[tokio::test]
    async fn failed_changes_are_reported_and_succeed_later() {
        for method in ["find", "write", "find_top", "write_top"] {
            let fixture = LikeFixture::new();
            for _ in 0..3 {
                let (user, food) = (new_user(), fixture.add_food().await);
                fixture.like(user, &food).await;
            }
            let changes = fixture.changes();
            for fault in [Fault::Unavailable, Fault::ResponseLost] {
                let neighbours = faulty(&fixture.likes, method, fault);
                let report = update(&fixture, &neighbours, &changes).await;
                assert!(!report.failed.is_empty(), "{method} {fault:?}");
                assert!(!report.errors.is_empty());
            }
            let report = update(&fixture, &fixture.likes, &changes).await;
            assert!(report.failed.is_empty());
            let updated = fixture.likes.derived();
            fixture.likes.take_changes();
            fixture.train().await;
            // The parameters are written by training only.
            let trained = fixture.likes.derived();
            assert_eq!(updated[..updated.len() - 1], trained[..trained.len() - 1], "{method}");
        }
    }

    #[tokio::test]
    async fn failing_user_does_not_fail_other_users() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        for _ in 0..2 {
            fixture.like(new_user(), &food).await;
        }
        let (changes, calls) = (fixture.changes(), AtomicUsize::new(0));
        let likes = Faulty::new(&fixture.likes, async |method| {
            let is_first = method == "write_profile" && calls.fetch_add(1, Ordering::SeqCst) == 0;
            if is_first { Fault::Unavailable } else { Fault::None }
        });
        let report = update_recommendations(
            &likes,
            &fixture.likes,
            &fixture.foods,
            &fixture.clock,
            &changes,
        )
        .await;
        assert_eq!((report.failed.len(), report.profiles), (1, 1));
        let nothing = unavailable(&fixture.likes);
        let (neighbours, foods) = (&fixture.likes, &fixture.foods);
        let report =
            update_recommendations(&nothing, neighbours, foods, &fixture.clock, &changes).await;
        assert_eq!(report.failed.len(), changes.len());
    }

    #[tokio::test]
    async fn concurrent_update_is_computed_again() {
        let fixture = LikeFixture::new();
        let (food, late) = (fixture.add_food().await, new_user());
        fixture.like(new_user(), &food).await;
        let changes = fixture.changes();
        let calls = AtomicUsize::new(0);
        let contended = Faulty::new(&fixture.likes, async |method| {
            if method == "write" && calls.fetch_add(1, Ordering::SeqCst) == 0 {
                fixture.like(late, &food).await;
                let report = update(&fixture, &fixture.likes, &fixture.changes()).await;
                assert!(report.failed.is_empty());
            }
            Fault::None
        });
        let report = update(&fixture, &contended, &changes).await;
        assert!(report.failed.is_empty(), "{:?}", report.errors);
        assert_eq!(neighbours_of(&fixture, food.id).await.unwrap().likes_then, 2);
        assert_eq!(fixture.foods.find_many(&[food.id]).await.unwrap()[0].likes, 2);
    }

    #[tokio::test]
    async fn update_that_lost_to_a_newer_one_is_computed_again() {
        for (method, is_deleted) in
            [("set_likes", false), ("newest_likers", false), ("newest_likers", true)]
        {
            let fixture = LikeFixture::new();
            let food = fixture.add_food().await;
            fixture.like(new_user(), &food).await;
            fixture.update().await;
            fixture.like(new_user(), &food).await;
            let (changes, calls) = (fixture.changes(), AtomicUsize::new(0));
            let newer = async |called| {
                if called == method && calls.fetch_add(1, Ordering::SeqCst) == 0 {
                    if is_deleted {
                        fixture.delete_food(food.id).await;
                    } else {
                        fixture.like(new_user(), &food).await;
                    }
                    fixture.update().await;
                }
                Fault::None
            };
            let likes = Faulty::new(&fixture.likes, newer);
            let foods = Faulty::new(&fixture.foods, newer);
            let (neighbours, clock) = (&fixture.likes, &fixture.clock);
            let report = update_recommendations(&likes, neighbours, &foods, clock, &changes).await;
            assert!(report.failed.is_empty(), "{:?}", report.errors);
            let shown = fixture.foods.find_many(&[food.id]).await.unwrap();
            let shown: Vec<_> = shown.iter().map(|food| food.likes).collect();
            let expected: &[u64] = if is_deleted { &[] } else { &[3] };
            assert_eq!(shown, expected, "{method}");
            for list in TopList::ALL {
                let is_listed = top(&fixture, list).await.contains(&food.id);
                assert_eq!(is_listed, !is_deleted, "{method} {list:?}");
            }
        }
    }

    #[tokio::test]
    async fn neighbours_stay_stale_while_the_index_lacks_a_like() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        fixture.update().await;
        // A like that is counted, but not in the index yet.
        fixture.likes.add_to_count(food.id);
        let changes = [Change::Food(food.id)];
        for _ in 0..2 {
            assert_eq!(update(&fixture, &fixture.likes, &changes).await.computed, 1);
            assert_eq!(top(&fixture, TopList::Popular).await, [food.id]);
            assert!(top(&fixture, TopList::Trending).await.is_empty());
        }
        fixture.like(new_user(), &food).await;
        fixture.update().await;
        assert_eq!(neighbours_of(&fixture, food.id).await.unwrap().likes_then, 1);
        assert_eq!(top(&fixture, TopList::Trending).await, [food.id]);
    }

    #[tokio::test]
    async fn older_state_never_replaces_newer_state() {
        for method in ["count", "newest_likes", "newest_likers", "find_profiles"] {
            let fixture = LikeFixture::new();
            let (food, user, late) = (fixture.add_food().await, new_user(), new_user());
            fixture.like(user, &food).await;
            let changes = fixture.changes();
            let calls = AtomicUsize::new(0);
            // A newer like is delivered completely before this call.
            let likes = Faulty::new(&fixture.likes, async |called| {
                if called == method && calls.fetch_add(1, Ordering::SeqCst) == 0 {
                    fixture.like(late, &food).await;
                    let other = fixture.add_food().await;
                    fixture.like(user, &other).await;
                    let report = update(&fixture, &fixture.likes, &fixture.changes()).await;
                    assert!(report.failed.is_empty());
                }
                Fault::None
            });
            let (neighbours, foods) = (&fixture.likes, &fixture.foods);
            let report =
                update_recommendations(&likes, neighbours, foods, &fixture.clock, &changes).await;
            assert!(report.failed.is_empty(), "{:?}", report.errors);
            assert_eq!(neighbours_of(&fixture, food.id).await.unwrap().likes_then, 2);
            let profile = profile_of(&fixture, user.id).await.unwrap();
            assert_eq!(profile.entries().len(), 2, "{method}");
        }
    }

    #[tokio::test]
    async fn damaged_neighbours_are_written_again() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        fixture.like(new_user(), &food).await;
        fixture.update().await;
        fixture.likes.damage(food.id);
        fixture.like(new_user(), &food).await;
        let report = update(&fixture, &fixture.likes, &fixture.changes()).await;
        assert_eq!((report.failed.len(), report.computed), (0, 1));
    }

    #[test]
    fn futures_are_send() {
        fn check(_: impl Send) {}
        let fixture = LikeFixture::new();
        let (likes, foods, clock) = (&fixture.likes, &fixture.foods, &fixture.clock);
        check(update_recommendations(likes, likes, foods, clock, &[]));
        check(crate::use_cases::recommend(likes, likes, foods, clock, None));
        check(crate::use_cases::train_recommendations(
            likes,
            likes,
            foods,
            clock,
            crate::use_cases::Rewrite::All,
        ));
    }
}
