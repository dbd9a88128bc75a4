//! Nightly training: selects parameters, computes better neighbour lists from all likes, and writes everything that is derived
//! from likes again, so that lost changes are repaired.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::future::try_join_all;

use super::update_recommendations::{MAX_ATTEMPTS, MAX_BATCH, TopChange, contended};
use crate::clock::{Clock, Timestamp};
use crate::food::FoodCatalog;
use crate::id::{FoodId, UserId};
use crate::like::{
    LIKERS_PER_SHARD, Like, LikeRepository, LogLikes, Profile, ProfileEntry, SHARDS, StoredItem,
    count, shard,
};
use crate::neighbours::{
    FoodNeighbours, Model, NeighbourStore, Source, Top, TopFood, TopList, Versioned,
};
use crate::recommend::{
    Experiment, HeldOut, LikeMatrix, PAGE, Trend, hot, select_lists, select_trending, trend,
};
use crate::storage::StorageError;

/// The maximum number of users with held-out likes, and of likes if there are fewer users.
const HELD_OUT: usize = 5_000;
/// The minimum number of users whose likes select parameters.
const MIN_USERS: usize = 25;
/// The periods of likes that are predicted from all likes before, in tenths of the likes.
const PERIODS: std::ops::Range<usize> = 7..10;
/// The number of requests at once.
const CONCURRENCY: usize = 64;
/// The half-lives that are tried, in days; `None`: likes count forever.
const HALF_LIVES: [Option<u64>; 5] = [Some(3), Some(7), Some(14), Some(30), None];

/// The result of a training.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainingReport {
    /// The selected parameters.
    pub model: Model,
    /// Whether the trained lists were written.
    pub trained: bool,
    /// The number of users with likes.
    pub users: u64,
    /// The number of foods with likes.
    pub foods: u64,
    /// Profiles that were written.
    pub profiles: u64,
    /// Neighbour lists that were written.
    pub lists: u64,
    /// Likes of missing foods that were deleted.
    pub orphans: u64,
    /// Foods whose number of likes differed from their stored likes. Must be 0.
    pub drifted: u64,
}

/// Which neighbour lists a training writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// Those whose first 20 neighbours, number of likes or source changed: most lists change a little every night.
    Changed,
    /// All that differ.
    All,
}

/// Trains. Reads the whole table and all ids of foods. A concurrent update of an item wins, because it is newer.
pub async fn train_recommendations(
    likes: &impl LikeRepository,
    neighbours: &impl NeighbourStore,
    catalog: &impl FoodCatalog,
    clock: &impl Clock,
    rewrite: Rewrite,
) -> Result<TrainingReport, StorageError> {
    let now = clock.now();
    let before = neighbours.find_top().await?;
    let mut table = Table::read(likes).await?;
    let foods = existing_foods(catalog, &table).await?;
    let orphans = delete_orphans(likes, &mut table, &foods).await?;
    let drifted = table.drifted(likes).await?;

    let users = table.likes_by_user();
    let ids: Vec<Vec<FoodId>> =
        users.iter().map(|(_, likes)| likes.iter().map(|like| like.food).collect()).collect();
    let matrix = LikeMatrix::new(ids.iter().map(Vec::as_slice));
    let likers = table.newest_likers();
    let (model, trained) = select_parameters(&users, now);
    let online = matrix.lists(&model.weighting);
    let lists = if trained { matrix.trained_by(&online, &model) } else { online };
    let lists = matrix.foods().iter().zip(matrix.packed(&lists));
    let source = if trained { Source::Trained } else { Source::Online };
    let computed: HashMap<FoodId, FoodNeighbours> = lists
        .map(|(food, list)| {
            let (likes_then, liked_at) = &likers[food];
            let hot = hot(liked_at, *likes_then, model.half_life);
            (*food, FoodNeighbours { list, likes_then: *likes_then, hot, source })
        })
        .collect();

    let profiles = write_profiles(likes, &table.profiles, &users, &likers).await?;
    let scores = |list| scores(list, &foods, &computed, now);
    write_model_and_top(neighbours, &model, &before, scores).await?;
    let stores = Stores { likes, neighbours, catalog };
    let lists = stores.write_lists(&table.neighbours, &computed, rewrite).await?;
    let (users, foods) = (count(users.len()), count(computed.len()));
    Ok(TrainingReport { model, trained, users, foods, profiles, lists, orphans, drifted })
}

/// Whether the count of the food differs from its stored likes. Both are read now, because likes may have come while the table
/// was read.
async fn is_drifted(likes: &impl LikeRepository, food: FoodId) -> Result<bool, StorageError> {
    match likes.count(food).await {
        Ok(counted) => Ok(counted != likes.count_likers(food).await?),
        Err(StorageError::Corrupt(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Returns the foods that exist. The list may lack new foods, so those that users like are looked up.
async fn existing_foods(
    catalog: &impl FoodCatalog,
    table: &Table,
) -> Result<HashSet<FoodId>, StorageError> {
    let mut foods = HashSet::new();
    let visit = |food| {
        foods.insert(food);
    };
    catalog.scan_ids(visit).await?;
    let liked: HashSet<_> = table.likes.iter().map(|like| like.food).collect();
    let missing: Vec<_> = liked.difference(&foods).copied().collect();
    for missing in missing.chunks(MAX_BATCH) {
        foods.extend(catalog.find_existing(missing).await?);
    }
    Ok(foods)
}

/// The items of the table.
#[derive(Default)]
struct Table {
    likes: Vec<Like>,
    counts: HashMap<FoodId, u64>,
    profiles: HashMap<UserId, Versioned<Profile>>,
    neighbours: HashMap<FoodId, Versioned<FoodNeighbours>>,
}

impl Table {
    async fn read(likes: &impl LikeRepository) -> Result<Self, StorageError> {
        let mut table = Self::default();
        let visit = |item| match item {
            StoredItem::Like(like) => table.likes.push(like),
            StoredItem::Count(food, likes) => *table.counts.entry(food).or_default() += likes,
            StoredItem::Profile(user, profile) => drop(table.profiles.insert(user, profile)),
            StoredItem::Neighbours(food, stored) => drop(table.neighbours.insert(food, stored)),
        };
        likes.scan(visit).await?;
        // Newest first, of all users.
        sort_newest_first(&mut table.likes);
        Ok(table)
    }

    /// Returns how many counts differ from the stored likes.
    async fn drifted(&self, likes: &impl LikeRepository) -> Result<u64, StorageError> {
        let mut stored: HashMap<FoodId, u64> = self.counts.keys().map(|food| (*food, 0)).collect();
        for like in &self.likes {
            *stored.entry(like.food).or_default() += 1;
        }
        let counted = |food: &FoodId| self.counts.get(food).copied().unwrap_or(0);
        let differ: Vec<_> =
            stored.into_iter().filter(|(food, stored)| counted(food) != *stored).collect();
        let mut drifted = 0;
        for differ in differ.chunks(CONCURRENCY) {
            let checks = differ.iter().map(|(food, _)| is_drifted(likes, *food));
            drifted += sum(try_join_all(checks).await?);
        }
        Ok(drifted)
    }

    /// Returns the likes of each user, newest first, in order of the users' ids.
    fn likes_by_user(&self) -> Vec<(UserId, Vec<Like>)> {
        let mut users: HashMap<UserId, Vec<Like>> = HashMap::new();
        for like in &self.likes {
            users.entry(like.user).or_default().push(*like);
        }
        let mut users: Vec<_> = users.into_iter().collect();
        users.sort_unstable_by_key(|(user, _)| *user);
        users
    }

    fn newest_likers(&self) -> HashMap<FoodId, (u64, Vec<Timestamp>)> {
        newest_likers(&self.likes)
    }
}

/// Returns for each food the number of likes and the times of the newest ones, as [`LikeRepository::newest_likers`]
/// does. `likes` are newest first.
fn newest_likers<'a>(
    likes: impl IntoIterator<Item = &'a Like>,
) -> HashMap<FoodId, (u64, Vec<Timestamp>)> {
    let mut shards: HashMap<FoodId, [usize; SHARDS]> = HashMap::new();
    let mut likers: HashMap<FoodId, (u64, Vec<Timestamp>)> = HashMap::new();
    for like in likes {
        let (likes, liked_at) = likers.entry(like.food).or_default();
        *likes += 1;
        let in_shard = &mut shards.entry(like.food).or_default()[shard(like.user)];
        if *in_shard < LIKERS_PER_SHARD {
            *in_shard += 1;
            liked_at.push(like.liked_at);
        }
    }
    likers
}

/// Deletes likes of foods that do not exist.
async fn delete_orphans(
    likes: &impl LikeRepository,
    table: &mut Table,
    foods: &HashSet<FoodId>,
) -> Result<u64, StorageError> {
    let is_orphan = |like: &mut Like| !foods.contains(&like.food);
    let orphans: Vec<_> = table.likes.extract_if(.., is_orphan).collect();
    for like in &orphans {
        table.counts.remove(&like.food);
    }
    for orphans in orphans.chunks(CONCURRENCY) {
        try_join_all(orphans.iter().map(|like| likes.delete(like.user, like.food))).await?;
    }
    Ok(count(orphans.len()))
}

/// Selects the parameters that predict likes which were held out.
fn select_parameters(users: &[(UserId, Vec<Like>)], now: Timestamp) -> (Model, bool) {
    // The newest likes of many users: the more, the better the lists are compared. With few users, more of each.
    let mut recent: Vec<_> = (0..users.len()).filter(|nth| users[*nth].1.len() > 1).collect();
    recent.sort_unstable_by_key(|nth| Reverse((users[*nth].1[0].liked_at, *nth)));
    recent.truncate(HELD_OUT);
    let per_user = HELD_OUT / recent.len().max(1);
    let mut split: Vec<(&[Like], &[Like])> =
        users.iter().map(|(_, likes)| likes.split_at(0)).collect();
    for nth in recent {
        let likes = &users[nth].1;
        split[nth] = likes.split_at(per_user.min(likes.len() / 10).max(1));
    }
    let by_user = experiment(&split);
    if by_user.users() < MIN_USERS {
        return (Model::default(), false);
    }
    let (mut model, trained) = select_lists(&by_user);
    // Lists that know what others liked later underestimate how much foods trend. So for trending foods, each experiment
    // ends at a time, and predicts the next tenth of the likes.
    let mut times: Vec<_> =
        users.iter().flat_map(|(_, likes)| likes).map(|like| like.liked_at).collect();
    times.sort_unstable();
    let end = now.plus(Duration::from_hours(24));
    let at = |tenths: usize| times[times.len() * tenths / 10..].first().copied().unwrap_or(end);
    let by_time: Vec<_> = PERIODS
        .map(|tenths| before(users, at(tenths), at(tenths + 1)))
        .filter(|experiment| experiment.users() >= MIN_USERS)
        .collect();
    let experiments = if by_time.is_empty() { vec![by_user] } else { by_time };
    select_trending(&experiments, trained, &mut model);
    (model, trained)
}

/// Holds out the likes from `start` to `end`, and forgets newer ones.
fn before(users: &[(UserId, Vec<Like>)], start: Timestamp, end: Timestamp) -> Experiment {
    let likes = users.iter().map(|(_, likes)| {
        let newer = likes.iter().take_while(|like| like.liked_at >= end).count();
        &likes[newer..]
    });
    let split = likes.map(|likes| {
        let held = likes.iter().take_while(|like| like.liked_at >= start).count();
        likes.split_at(held)
    });
    experiment(&split.collect::<Vec<_>>())
}

/// Holds out the first likes of each pair. Users without other likes are predicted to like what trends.
fn experiment(users: &[(&[Like], &[Like])]) -> Experiment {
    let kept: Vec<_> = users.iter().map(|(_, kept)| *kept).collect();
    let ids: Vec<Vec<FoodId>> =
        kept.iter().map(|likes| likes.iter().map(|like| like.food).collect()).collect();
    let matrix = LikeMatrix::new(ids.iter().map(Vec::as_slice));
    let held_out = users.iter().zip(matrix.users()).filter_map(|((held, _), liked)| {
        let index = |like: &Like| matrix.foods().binary_search(&like.food).ok();
        let next: Vec<_> = held.iter().filter_map(index).collect();
        (!next.is_empty()).then(|| HeldOut { liked: liked.clone(), next })
    });
    let held_out = held_out.take(HELD_OUT).collect();
    let trends = trends(&matrix, &kept);
    Experiment { matrix, held_out, trends }
}

/// Returns the trending foods for each half-life.
fn trends(matrix: &LikeMatrix, users: &[&[Like]]) -> Vec<Trend> {
    let mut likes: Vec<_> = users.iter().copied().flatten().copied().collect();
    sort_newest_first(&mut likes);
    let likers = newest_likers(&likes);
    let with_half_life = |half_life: Option<Duration>| {
        let score = |(food, (likes, liked_at)): (&FoodId, &(u64, Vec<Timestamp>))| TopFood {
            food: *food,
            score: hot(liked_at, *likes, half_life),
        };
        let top = Top::new(TopList::Trending, likers.iter().map(score));
        let hottest = top.as_slice().first().map_or(0.0, |top| top.score);
        let food = |top: &TopFood| {
            Some((matrix.foods().binary_search(&top.food).ok()?, trend(top.score, hottest)))
        };
        Trend { half_life, foods: top.as_slice().iter().filter_map(food).collect() }
    };
    HALF_LIVES.map(|days| with_half_life(days.map(|days| Duration::from_hours(24 * days)))).into()
}

fn sort_newest_first(likes: &mut [Like]) {
    likes.sort_unstable_by_key(|like| Reverse((like.liked_at, like.food, like.user)));
}

fn sum(written: Vec<bool>) -> u64 {
    written.into_iter().map(u64::from).sum()
}

/// Writes the profiles that differ.
async fn write_profiles(
    likes: &impl LikeRepository,
    stored: &HashMap<UserId, Versioned<Profile>>,
    users: &[(UserId, Vec<Like>)],
    likers: &HashMap<FoodId, (u64, Vec<Timestamp>)>,
) -> Result<u64, StorageError> {
    let mut written = 0;
    for users in users.chunks(CONCURRENCY) {
        let write = |(user, liked): &(UserId, Vec<Like>)| {
            let entry = |like: &Like| ProfileEntry {
                food: like.food,
                likes: LogLikes::new(likers[&like.food].0),
            };
            let entries = liked.iter().take(Profile::MAX).map(entry).collect();
            let profile = Profile::new(entries, count(liked.len()));
            write_profile(likes, *user, stored.get(user), Some(profile))
        };
        written += sum(try_join_all(users.iter().map(write)).await?);
    }
    let with_likes: HashSet<_> = users.iter().map(|(user, _)| *user).collect();
    let without_likes: Vec<_> =
        stored.iter().filter(|(user, _)| !with_likes.contains(user)).collect();
    for stored in without_likes.chunks(CONCURRENCY) {
        let write =
            |(user, stored): &(&UserId, _)| write_profile(likes, **user, Some(*stored), None);
        written += sum(try_join_all(stored.iter().map(write)).await?);
    }
    Ok(written)
}

/// Writes the profile if it differs.
async fn write_profile(
    likes: &impl LikeRepository,
    user: UserId,
    stored: Option<&Versioned<Profile>>,
    profile: Option<Profile>,
) -> Result<bool, StorageError> {
    if stored.map(|stored| &stored.value) == profile.as_ref() {
        return Ok(false);
    }
    likes.write_profile(user, profile.as_ref(), stored.map(|stored| stored.version)).await
}

/// Returns the scores of all foods in a list.
fn scores(
    list: TopList,
    foods: &HashSet<FoodId>,
    computed: &HashMap<FoodId, FoodNeighbours>,
    now: Timestamp,
) -> Top {
    let scored = foods.iter().filter_map(|food| {
        let found = computed.get(food);
        let likes = Some(found.map_or(0, |found| found.likes_then));
        let change = TopChange { likes, hot: found.map_or(0.0, |found| found.hot) };
        Some(TopFood { food: *food, score: change.score(list, *food, now)? })
    });
    Top::new(list, scored)
}

/// Writes the parameters and the lists that are the same for everybody. Changes since `before`, which was read before the likes,
/// are newer.
async fn write_model_and_top(
    neighbours: &impl NeighbourStore,
    model: &Model,
    before: &(Model, [Versioned<Top>; 3]),
    computed: impl Fn(TopList) -> Top,
) -> Result<(), StorageError> {
    let (old_model, before) = before;
    neighbours.write_model(model).await?;
    let mut pending = TopList::ALL.to_vec();
    for _ in 0..MAX_ATTEMPTS {
        let (_, stored) = neighbours.find_top().await?;
        let mut conflicts = Vec::new();
        for list in pending {
            let Versioned { value, version } = &stored[list as usize];
            let mut changes = before[list as usize].value.changes(value);
            // Scores of another half-life cannot be compared: then only foods that left the list count.
            if list == TopList::Trending && old_model.half_life != model.half_life {
                changes.retain(|(_, score)| score.is_none());
            }
            let top = computed(list).updated(list, &changes);
            if top != *value && !neighbours.write_top(list, &top, *version).await? {
                conflicts.push(list);
            }
        }
        pending = conflicts;
        if pending.is_empty() {
            return Ok(());
        }
    }
    Err(contended())
}

/// Where neighbour lists are written, and the likes that lists of foods show.
struct Stores<'a, L, N, C> {
    likes: &'a L,
    neighbours: &'a N,
    catalog: &'a C,
}

impl<L: LikeRepository, N: NeighbourStore, C: FoodCatalog> Stores<'_, L, N, C> {
    /// Writes neighbour lists.
    async fn write_lists(
        &self,
        stored: &HashMap<FoodId, Versioned<FoodNeighbours>>,
        computed: &HashMap<FoodId, FoodNeighbours>,
        rewrite: Rewrite,
    ) -> Result<u64, StorageError> {
        let is_due = |(food, new): &(&FoodId, &FoodNeighbours)| match (stored.get(food), rewrite) {
            (None, _) => true,
            (Some(old), Rewrite::All) => old.value != **new,
            (Some(old), Rewrite::Changed) => has_changed(&old.value, new),
        };
        let due: Vec<_> = computed.iter().filter(is_due).collect();
        let mut written = 0;
        for due in due.chunks(CONCURRENCY) {
            let write =
                |(food, new): &(&FoodId, _)| self.write(**food, stored.get(food), Some(*new));
            written += sum(try_join_all(due.iter().map(write)).await?);
        }
        let without_likes: Vec<_> =
            stored.iter().filter(|(food, _)| !computed.contains_key(food)).collect();
        for without_likes in without_likes.chunks(CONCURRENCY) {
            let write = |(food, old): &(&FoodId, _)| self.write(**food, Some(*old), None);
            try_join_all(without_likes.iter().map(write)).await?;
        }
        Ok(written)
    }

    /// Writes a list, and sets the number of likes that lists of foods show: as a stream function does, before, and again if
    /// a concurrent update was first.
    async fn write(
        &self,
        food: FoodId,
        old: Option<&Versioned<FoodNeighbours>>,
        new: Option<&FoodNeighbours>,
    ) -> Result<bool, StorageError> {
        let likes = new.map_or(0, |new| new.likes_then);
        if new.is_none() || old.is_none_or(|old| old.value.likes_then != likes) {
            self.catalog.set_likes(food, likes).await?;
        }
        let is_written = self.neighbours.write(food, new, old.map(|old| old.version)).await?;
        if !is_written {
            self.catalog.set_likes(food, self.likes.count(food).await?).await?;
        }
        Ok(is_written)
    }
}

fn has_changed(old: &FoodNeighbours, new: &FoodNeighbours) -> bool {
    let first = |neighbours: &FoodNeighbours| {
        let list = neighbours.list.as_slice().iter().take(PAGE);
        list.map(|neighbour| neighbour.food).collect::<Vec<_>>()
    };
    (old.likes_then, old.source) != (new.likes_then, new.source) || first(old) != first(new)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::food::{Food, FoodRepository};
    use crate::testing::{Fault, Faulty, MemoryFoods, sample, unavailable};
    use crate::use_cases::test_support::{LikeFixture, new_user};
    use crate::use_cases::{AuthenticatedUser, unlike_food};

    /// A catalog whose index of ids lacks all foods.
    struct OutdatedIndex<'a>(&'a MemoryFoods);

    impl FoodCatalog for OutdatedIndex<'_> {
        async fn find_many(&self, foods: &[FoodId]) -> Result<Vec<Food>, StorageError> {
            self.0.find_many(foods).await
        }

        async fn find_existing(&self, foods: &[FoodId]) -> Result<Vec<FoodId>, StorageError> {
            self.0.find_existing(foods).await
        }

        async fn set_likes(&self, food: FoodId, likes: u64) -> Result<bool, StorageError> {
            self.0.set_likes(food, likes).await
        }

        async fn scan_ids(&self, _: impl FnMut(FoodId) + Send) -> Result<(), StorageError> {
            Ok(())
        }
    }

    /// Adds 60 users of two groups, who like most foods of their own group; returns users and foods.
    async fn two_groups(fixture: &LikeFixture) -> (Vec<AuthenticatedUser>, Vec<Food>) {
        let mut random = sample::Random::new(7);
        let users: Vec<_> = (0..60).map(|_| new_user()).collect();
        let mut foods = Vec::new();
        for _ in 0..40 {
            foods.push(fixture.add_food().await);
        }
        for _ in 0..900 {
            let user = random.below(users.len());
            let food = user % 2 * 20 + random.below(20);
            fixture.like(users[user], &foods[food]).await;
        }
        (users, foods)
    }

    #[tokio::test]
    async fn training_computes_what_no_stream_delivered() {
        let fixture = LikeFixture::new();
        let (users, foods) = two_groups(&fixture).await;
        let report = fixture.train().await;
        assert_eq!((report.users, report.foods), (60, 40));
        assert_eq!((report.profiles, report.lists), (60, 40));
        assert_eq!((report.orphans, report.drifted), (0, 0));
        assert!(report.model.measures.online > 0.2, "{:?}", report.model);
        let stored = fixture.likes.find(&[foods[0].id]).await.unwrap();
        let list = stored[0].1.value.list.as_slice();
        let group: Vec<_> = foods[..20].iter().map(|food| food.id).collect();
        assert!(list[..10].iter().all(|neighbour| group.contains(&neighbour.food)));
        let profiles = fixture.likes.find_profiles(&[users[0].id]).await.unwrap();
        let newest = fixture.likes.newest_likes(users[0].id, 200).await.unwrap();
        let newest: Vec<_> = newest.iter().map(|like| like.food).collect();
        let entries = profiles[0].1.value.entries().iter();
        assert_eq!(entries.map(|entry| entry.food).collect::<Vec<_>>(), newest);
        let shown = fixture.foods.find_many(&[foods[0].id]).await.unwrap()[0].likes;
        assert_eq!(shown, fixture.likes.stored_likes(foods[0].id));
    }

    #[tokio::test]
    async fn second_training_writes_nothing() {
        let fixture = LikeFixture::new();
        two_groups(&fixture).await;
        fixture.train().await;
        let stored = fixture.likes.derived();
        let report = fixture.train().await;
        assert_eq!((report.profiles, report.lists), (0, 0));
        assert_eq!(fixture.likes.derived(), stored);
    }

    #[tokio::test]
    async fn small_changes_of_lists_are_not_written() {
        let fixture = LikeFixture::new();
        two_groups(&fixture).await;
        fixture.train().await;
        let food = fixture.add_food().await;
        fixture.like(new_user(), &food).await;
        let (likes, foods) = (&fixture.likes, &fixture.foods);
        let report =
            train_recommendations(likes, likes, foods, &fixture.clock, Rewrite::Changed).await;
        let report = report.unwrap();
        assert_eq!((report.profiles, report.lists), (1, 1), "{report:?}");
    }

    #[tokio::test]
    async fn few_users_keep_the_default_parameters() {
        let fixture = LikeFixture::new();
        for _ in 0..MIN_USERS - 1 {
            let user = new_user();
            for _ in 0..2 {
                fixture.like(user, &fixture.add_food().await).await;
            }
        }
        let report = fixture.train().await;
        assert_eq!(report.model, Model::default());
        assert!(!report.trained);
        let empty = LikeFixture::new().train().await;
        assert_eq!((empty.users, empty.foods), (0, 0));
    }

    #[tokio::test]
    async fn likes_of_missing_foods_are_deleted() {
        let fixture = LikeFixture::new();
        let (users, foods) = two_groups(&fixture).await;
        fixture.train().await;
        let before = fixture.likes.count(foods[7].id).await.unwrap();
        fixture.foods.delete(&foods[7]).await.unwrap();
        let report = fixture.train().await;
        assert_eq!(report.orphans, before);
        assert_eq!(report.foods, 39);
        assert_eq!(fixture.likes.stored_likes(foods[7].id), 0);
        assert!(fixture.likes.find(&[foods[7].id]).await.unwrap().is_empty());
        let profiles: Vec<_> = users.iter().map(|user| user.id).collect();
        for (_, stored) in fixture.likes.find_profiles(&profiles).await.unwrap() {
            assert!(stored.value.entries().iter().all(|entry| entry.food != foods[7].id));
        }
    }

    #[tokio::test]
    async fn profile_of_a_user_without_likes_is_deleted() {
        let fixture = LikeFixture::new();
        let (user, food) = (new_user(), fixture.add_food().await);
        fixture.like(user, &food).await;
        fixture.update().await;
        unlike_food(&fixture.likes, user, Some(&food)).await.unwrap();
        fixture.train().await;
        assert!(fixture.likes.find_profiles(&[user.id]).await.unwrap().is_empty());
        assert!(fixture.likes.find(&[food.id]).await.unwrap().is_empty());
        assert_eq!(fixture.foods.find_many(&[food.id]).await.unwrap()[0].likes, 0);
    }

    #[tokio::test]
    async fn new_food_that_the_list_lacks_keeps_its_likes() {
        let fixture = LikeFixture::new();
        let food = fixture.add_food().await;
        fixture.like(new_user(), &food).await;
        let outdated = OutdatedIndex(&fixture.foods);
        let likes = &fixture.likes;
        let report =
            train_recommendations(likes, likes, &outdated, &fixture.clock, Rewrite::All).await;
        assert_eq!(report.unwrap().orphans, 0);
        assert_eq!(likes.stored_likes(food.id), 1);
    }

    #[tokio::test]
    async fn concurrent_update_wins() {
        let fixture = LikeFixture::new();
        let (_, foods) = two_groups(&fixture).await;
        fixture.train().await;
        for _ in 0..9 {
            fixture.like(new_user(), &foods[0]).await;
        }
        let new = Mutex::new(None);
        let neighbours = Faulty::new(&fixture.likes, async |method| {
            if method == "write_model" {
                for _ in 0..9 {
                    fixture.like(new_user(), &foods[0]).await;
                }
                fixture.delete_food(foods[1].id).await;
                let food = fixture.add_food().await;
                fixture.update().await;
                *new.lock().unwrap() = Some(food.id);
            }
            Fault::None
        });
        let (likes, catalog) = (&fixture.likes, &fixture.foods);
        let clock = &fixture.clock;
        train_recommendations(likes, &neighbours, catalog, clock, Rewrite::All).await.unwrap();
        let expected = likes.stored_likes(foods[0].id);
        let stored = fixture.likes.find(&[foods[0].id]).await.unwrap();
        assert_eq!(stored[0].1.value.likes_then, expected);
        assert_eq!(catalog.find_many(&[foods[0].id]).await.unwrap()[0].likes, expected);
        let (_, lists) = likes.find_top().await.unwrap();
        let has = |list: TopList, food| {
            lists[list as usize].value.as_slice().iter().any(|top| top.food == food)
        };
        assert!(!TopList::ALL.into_iter().any(|list| has(list, foods[1].id)));
        assert!(has(TopList::Fresh, new.lock().unwrap().unwrap()));
        let popular = &lists[TopList::Popular as usize].value.as_slice()[0];
        assert_eq!(popular.food, foods[0].id);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let likes = expected as f32;
        assert!((popular.score - likes).abs() < 0.1, "{}", popular.score);
    }

    #[tokio::test]
    async fn counts_that_differ_from_likes_are_reported() {
        let fixture = LikeFixture::new();
        let (_, foods) = two_groups(&fixture).await;
        fixture.likes.add_to_count(foods[0].id);
        assert_eq!(fixture.train().await.drifted, 1);
    }

    #[tokio::test]
    async fn like_during_the_training_is_no_difference() {
        let fixture = LikeFixture::new();
        let (_, foods) = two_groups(&fixture).await;
        let (likes, catalog, clock) = (&fixture.likes, &fixture.foods, &fixture.clock);
        let late = Faulty::new(likes, async |method| {
            if method == "count" {
                fixture.like(new_user(), &foods[0]).await;
            }
            Fault::None
        });
        likes.add_to_count(foods[1].id);
        let report =
            train_recommendations(&late, likes, catalog, clock, Rewrite::All).await.unwrap();
        assert_eq!(report.drifted, 1);
    }

    #[tokio::test]
    async fn propagates_storage_errors() {
        let fixture = LikeFixture::new();
        let (likes, foods, clock) = (&fixture.likes, &fixture.foods, &fixture.clock);
        let down = unavailable(likes);
        let failed = train_recommendations(&down, likes, foods, clock, Rewrite::All).await;
        assert!(failed.is_err());
        let failed = train_recommendations(likes, &down, foods, clock, Rewrite::All).await;
        assert!(failed.is_err());
    }
}
