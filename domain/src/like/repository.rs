//! The port to stored likes and profiles.

use super::{Like, LikePosition, Liker, Profile};
use crate::id::{FoodId, UserId};
use crate::neighbours::{FoodNeighbours, Versioned};
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// An item that [`LikeRepository::scan`] reads.
#[derive(Debug, Clone)]
pub enum StoredItem {
    /// A like.
    Like(Like),
    /// A part of the number of likes of a food, from one shard.
    Count(FoodId, u64),
    /// The profile of a user.
    Profile(UserId, Versioned<Profile>),
    /// The neighbours of a food.
    Neighbours(FoodId, Versioned<FoodNeighbours>),
}

/// Port: likes, and the profiles derived from them. R and W are read and write units of `DynamoDB`.
///
/// The number of likes of a food always equals its stored likes: each write changes both in one transaction.
pub trait LikeRepository {
    /// Stores the like and adds 1 to the number of likes of the food, in one transaction. Returns `false`, and changes
    /// nothing, if the user likes the food already. 6 W: like 2, its two index entries 1 each, count 2.
    async fn create(&self, like: &Like) -> Result<bool, StorageError>;

    /// Deletes the like and subtracts 1 from the number of likes, in one transaction. Returns `false`, and changes
    /// nothing, if the user does not like the food. 6 W.
    async fn delete(&self, user: UserId, food: FoodId) -> Result<bool, StorageError>;

    /// Returns the number of users who like the food. Strongly consistent. One query of the food's count shards: 1 R.
    async fn count(&self, food: FoodId) -> Result<u64, StorageError>;

    /// Returns the number of stored likes of the food, which equals [`count`](Self::count). Eventually consistent. Reads
    /// the food's part of the index `likers`: ½ R for 27 likes.
    async fn count_likers(&self, food: FoodId) -> Result<u64, StorageError>;

    /// Returns which of these foods (at most 100) the user likes, in any order. Eventually consistent. One batch: ½ R a food.
    async fn find_liked(&self, user: UserId, foods: &[FoodId])
    -> Result<Vec<FoodId>, StorageError>;

    /// Returns the newest likes of the user (at most `max`), newest first. Strongly consistent, so that a like counts
    /// immediately. One query of the index `newest`: 1 R for 38 likes.
    async fn newest_likes(&self, user: UserId, max: usize) -> Result<Vec<Like>, StorageError>;

    /// Lists the likes of the user, newest first. Strongly consistent. Cost as [`newest_likes`](Self::newest_likes).
    async fn list(
        &self,
        user: UserId,
        page: PageRequest<LikePosition>,
    ) -> Result<Page<Like>, StorageError>;

    /// Returns users who like the food, newest like first: of each [shard](super::shard) the newest
    /// [`LIKERS_PER_SHARD`](super::LIKERS_PER_SHARD). Eventually consistent. One query a shard of the index `likers`,
    /// concurrently: 4 R.
    async fn newest_likers(&self, food: FoodId) -> Result<Vec<Liker>, StorageError>;

    /// Returns the profiles of those of these users who have one, in any order. Damaged ones are empty. Eventually consistent. Batches of 100,
    /// concurrently: ½ R a user.
    async fn find_profiles(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Versioned<Profile>)>, StorageError>;

    /// Writes the profile, or deletes it if `None`. Returns `false`, and changes nothing, unless the stored version is
    /// `expected` (`None`: no profile is stored). At most 4 W.
    async fn write_profile(
        &self,
        user: UserId,
        profile: Option<&Profile>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError>;

    /// Reads all items of the table and calls `visit` with each: for training only. MUST read all profiles and neighbours
    /// before the first like or count, so that their versions are older. Two parallel Scans, eventually consistent: ½ R
    /// for 4 KB each.
    async fn scan(&self, visit: impl FnMut(StoredItem) + Send) -> Result<(), StorageError>;
}
