//! Likes: which users like which foods.

mod profile;
mod repository;

use crate::clock::Timestamp;
use crate::id::{FoodId, UserId};

pub use profile::{LogLikes, Profile, ProfileEntry};
pub(crate) use profile::{count, to_f64};
pub use repository::{LikeRepository, StoredItem};

/// The number of shards of the likes of one food: transactions that meet on one counter cancel each other.
pub const SHARDS: usize = 8;
/// The number of newest likers that [`LikeRepository::newest_likers`] returns per shard.
pub const LIKERS_PER_SHARD: usize = 25;

/// A user likes a food.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Like {
    /// The user who likes the food.
    pub user: UserId,
    /// The food that the user likes.
    pub food: FoodId,
    /// The time of the like.
    pub liked_at: Timestamp,
}

impl Like {
    /// Returns the position of the like in the list of the user's likes.
    pub fn position(&self) -> LikePosition {
        LikePosition { liked_at: self.liked_at, food: self.food }
    }
}

/// The position of a like in the list of one user's likes, which is ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LikePosition {
    /// The time of the like.
    pub liked_at: Timestamp,
    /// The food: orders likes of one millisecond.
    pub food: FoodId,
}

/// A user who likes a food.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Liker {
    /// The time of the like.
    pub liked_at: Timestamp,
    /// The user.
    pub user: UserId,
}

/// Returns the shard of a user's likes, from 0 to [`SHARDS`] − 1: the last bits of the id, which are random.
pub fn shard(user: UserId) -> usize {
    usize::from(user.as_bytes()[15]) % SHARDS
}
