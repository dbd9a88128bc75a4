//! [`LikeRepository`] and [`NeighbourStore`] in memory: one table, as in `DynamoDB`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use super::{lock, page};
use crate::id::{FoodId, UserId};
use crate::like::{
    LIKERS_PER_SHARD, Like, LikePosition, LikeRepository, Liker, Profile, SHARDS, StoredItem, shard,
};
use crate::neighbours::{
    FoodNeighbours, Model, NeighbourList, NeighbourStore, Source, Top, TopList, Versioned,
};
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// Likes and the data derived from them, in memory. Clones share their items. Lists are stored packed, as in `DynamoDB`.
#[derive(Debug, Clone, Default)]
pub struct MemoryLikes(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    likes: HashMap<(UserId, FoodId), Like>,
    newest: HashMap<UserId, BTreeSet<LikePosition>>,
    likers: HashMap<FoodId, [BTreeSet<Liker>; SHARDS]>,
    counts: HashMap<FoodId, [u64; SHARDS]>,
    profiles: BTreeMap<UserId, Versioned<PackedProfile>>,
    neighbours: BTreeMap<FoodId, Versioned<PackedNeighbours>>,
    top: BTreeMap<TopList, Versioned<Vec<u8>>>,
    model: Option<Model>,
    changes: Vec<(UserId, FoodId)>,
}

#[derive(Debug, Clone)]
struct PackedProfile {
    foods: Vec<u8>,
    likes: u64,
}

#[derive(Debug, Clone)]
struct PackedNeighbours {
    list: Vec<u8>,
    likes_then: u64,
    hot: f32,
    source: Source,
}

impl MemoryLikes {
    /// Returns the keys of likes that were stored or deleted since the last call, as a stream does.
    pub fn take_changes(&self) -> Vec<(UserId, FoodId)> {
        std::mem::take(&mut lock(&self.0).changes)
    }

    /// Returns the number of stored likes of the food. It equals [`LikeRepository::count`].
    pub fn stored_likes(&self, food: FoodId) -> u64 {
        let count = lock(&self.0).likes.keys().filter(|(_, liked)| *liked == food).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Returns all derived items without their versions, as text.
    pub fn derived(&self) -> Vec<String> {
        let table = lock(&self.0);
        let profiles = table.profiles.iter().map(|(user, item)| format!("{user} {:?}", item.value));
        let neighbours =
            table.neighbours.iter().map(|(food, item)| format!("{food} {:?}", item.value));
        let top = TopList::ALL.map(|list| {
            let foods = table.top.get(&list).map(|item| &item.value[..]);
            format!("{list:?} {:?}", foods.unwrap_or_default())
        });
        let model = [format!("{:?}", table.model)];
        profiles.chain(neighbours).chain(top).chain(model).collect()
    }

    /// Adds 1 to the number of likes of the food, without a like.
    pub fn add_to_count(&self, food: FoodId) {
        lock(&self.0).counts.entry(food).or_default()[0] += 1;
    }

    /// Damages the stored neighbour list of the food.
    pub fn damage(&self, food: FoodId) {
        if let Some(stored) = lock(&self.0).neighbours.get_mut(&food) {
            stored.value.list.push(0);
        }
    }
}

impl Table {
    fn insert(&mut self, like: Like) {
        let Like { user, food, liked_at } = like;
        self.likes.insert((user, food), like);
        self.newest.entry(user).or_default().insert(like.position());
        let likers = self.likers.entry(food).or_default();
        likers[shard(user)].insert(Liker { liked_at, user });
        self.counts.entry(food).or_default()[shard(user)] += 1;
        self.changes.push((user, food));
    }

    fn remove(&mut self, like: Like) {
        let Like { user, food, liked_at } = like;
        self.likes.remove(&(user, food));
        self.newest.entry(user).or_default().remove(&like.position());
        let likers = self.likers.entry(food).or_default();
        likers[shard(user)].remove(&Liker { liked_at, user });
        self.counts.entry(food).or_default()[shard(user)] -= 1;
        self.changes.push((user, food));
    }
}

/// Compares and swaps an entry; see [`LikeRepository::write_profile`].
fn write<K: Ord, V>(
    items: &mut BTreeMap<K, Versioned<V>>,
    key: K,
    value: Option<V>,
    expected: Option<u64>,
) -> bool {
    if items.get(&key).map(|item| item.version) != expected {
        return false;
    }
    match value {
        Some(value) => {
            let version = expected.unwrap_or(0) + 1;
            items.insert(key, Versioned { value, version });
        }
        None => {
            items.remove(&key);
        }
    }
    true
}

fn profile(item: &Versioned<PackedProfile>) -> Versioned<Profile> {
    let value = Profile::unpack(&item.value.foods, item.value.likes).expect("a profile");
    Versioned { value, version: item.version }
}

/// A damaged list is read as empty, so that it is stale.
fn neighbours(item: &Versioned<PackedNeighbours>) -> Versioned<FoodNeighbours> {
    let PackedNeighbours { list, likes_then, hot, source } = &item.value;
    let (list, likes_then) =
        NeighbourList::unpack(list).map(|list| (list, *likes_then)).unwrap_or_default();
    Versioned {
        value: FoodNeighbours { list, likes_then, hot: *hot, source: *source },
        version: item.version,
    }
}

impl LikeRepository for MemoryLikes {
    async fn create(&self, like: &Like) -> Result<bool, StorageError> {
        let mut table = lock(&self.0);
        let is_new = !table.likes.contains_key(&(like.user, like.food));
        if is_new {
            table.insert(*like);
        }
        Ok(is_new)
    }

    async fn delete(&self, user: UserId, food: FoodId) -> Result<bool, StorageError> {
        let mut table = lock(&self.0);
        let stored = table.likes.get(&(user, food)).copied();
        if let Some(like) = stored {
            table.remove(like);
        }
        Ok(stored.is_some())
    }

    async fn count(&self, food: FoodId) -> Result<u64, StorageError> {
        Ok(lock(&self.0).counts.get(&food).map_or(0, |shards| shards.iter().sum()))
    }

    async fn count_likers(&self, food: FoodId) -> Result<u64, StorageError> {
        Ok(self.stored_likes(food))
    }

    async fn find_liked(
        &self,
        user: UserId,
        foods: &[FoodId],
    ) -> Result<Vec<FoodId>, StorageError> {
        let table = lock(&self.0);
        let liked = foods.iter().filter(|food| table.likes.contains_key(&(user, **food)));
        Ok(liked.copied().collect())
    }

    async fn newest_likes(&self, user: UserId, max: usize) -> Result<Vec<Like>, StorageError> {
        let table = lock(&self.0);
        let newest = table.newest.get(&user).into_iter().flatten().rev().take(max);
        Ok(newest.map(|position| table.likes[&(user, position.food)]).collect())
    }

    async fn list(
        &self,
        user: UserId,
        request: PageRequest<LikePosition>,
    ) -> Result<Page<Like>, StorageError> {
        let table = lock(&self.0);
        let newest = table.newest.get(&user).into_iter().flatten().rev();
        let entries = newest.map(|position| (*position, table.likes[&(user, position.food)]));
        Ok(page(entries, request, |position, after| position < after))
    }

    async fn newest_likers(&self, food: FoodId) -> Result<Vec<Liker>, StorageError> {
        let table = lock(&self.0);
        let shards = table.likers.get(&food).into_iter().flatten();
        let mut likers: Vec<_> =
            shards.flat_map(|shard| shard.iter().rev().take(LIKERS_PER_SHARD)).copied().collect();
        likers.sort_unstable_by(|one, other| other.cmp(one));
        Ok(likers)
    }

    async fn find_profiles(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Versioned<Profile>)>, StorageError> {
        let table = lock(&self.0);
        let stored = users.iter().filter_map(|user| Some((*user, table.profiles.get(user)?)));
        stored.map(|(user, item)| Ok((user, profile(item)))).collect()
    }

    async fn write_profile(
        &self,
        user: UserId,
        profile: Option<&Profile>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        let packed =
            profile.map(|profile| PackedProfile { foods: profile.pack(), likes: profile.likes() });
        Ok(write(&mut lock(&self.0).profiles, user, packed, expected))
    }

    async fn scan(&self, mut visit: impl FnMut(StoredItem) + Send) -> Result<(), StorageError> {
        let table = lock(&self.0);
        for (user, item) in &table.profiles {
            visit(StoredItem::Profile(*user, profile(item)));
        }
        for (food, item) in &table.neighbours {
            visit(StoredItem::Neighbours(*food, neighbours(item)));
        }
        for like in table.likes.values() {
            visit(StoredItem::Like(*like));
        }
        for (food, shards) in &table.counts {
            for likes in shards {
                visit(StoredItem::Count(*food, *likes));
            }
        }
        Ok(())
    }
}

impl NeighbourStore for MemoryLikes {
    async fn find(
        &self,
        foods: &[FoodId],
    ) -> Result<Vec<(FoodId, Versioned<FoodNeighbours>)>, StorageError> {
        let table = lock(&self.0);
        let stored = foods.iter().filter_map(|food| Some((*food, table.neighbours.get(food)?)));
        stored.map(|(food, item)| Ok((food, neighbours(item)))).collect()
    }

    async fn write(
        &self,
        food: FoodId,
        neighbours: Option<&FoodNeighbours>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        let packed = neighbours.map(|neighbours| PackedNeighbours {
            list: neighbours.list.pack(),
            likes_then: neighbours.likes_then,
            hot: neighbours.hot,
            source: neighbours.source,
        });
        Ok(write(&mut lock(&self.0).neighbours, food, packed, expected))
    }

    async fn find_top(&self) -> Result<(Model, [Versioned<Top>; 3]), StorageError> {
        let table = lock(&self.0);
        let mut lists = TopList::ALL.map(|_| Versioned { value: Top::default(), version: 0 });
        for (list, item) in &table.top {
            let value = Top::unpack(&item.value).expect("a list");
            lists[*list as usize] = Versioned { value, version: item.version };
        }
        Ok((table.model.clone().unwrap_or_default(), lists))
    }

    async fn write_top(
        &self,
        list: TopList,
        top: &Top,
        expected: u64,
    ) -> Result<bool, StorageError> {
        let expected = Some(expected).filter(|version| *version > 0);
        Ok(write(&mut lock(&self.0).top, list, Some(top.pack()), expected))
    }

    async fn write_model(&self, model: &Model) -> Result<(), StorageError> {
        lock(&self.0).model = Some(model.clone());
        Ok(())
    }
}
