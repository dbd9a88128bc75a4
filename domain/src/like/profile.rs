//! Profiles: the newest likes of a user in one small item, for computing neighbour lists.

use crate::id::FoodId;
use crate::packed::{InvalidPackedList, split_id, unpack};

/// The likes of a food on a logarithmic scale, in one byte: 8 · log2(likes), so within 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogLikes(u8);

impl LogLikes {
    /// Rounds a number of likes; 0 counts as 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    pub fn new(likes: u64) -> Self {
        Self((8.0 * to_f64(likes.max(1)).log2()).round().min(255.0) as u8)
    }

    /// Returns the number of likes, within 5 %.
    pub fn likes(self) -> f64 {
        (f64::from(self.0) / 8.0).exp2()
    }
}

/// Converts the length of a list.
pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Converts a count. Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "no count is that large")]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}

/// A liked food in a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileEntry {
    /// The food.
    pub food: FoodId,
    /// The likes of the food when the profile was packed. Training refreshes it.
    pub likes: LogLikes,
}

/// The newest likes of one user, derived from the stored likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    entries: Vec<ProfileEntry>,
    likes: u64,
}

impl Profile {
    /// The maximum number of entries. With 17 bytes each, an item stays below 4 KB: half a read unit.
    pub const MAX: usize = 200;

    /// Creates a profile of a user with `likes` likes. `entries` are newest first and cut to [`Profile::MAX`].
    pub fn new(mut entries: Vec<ProfileEntry>, likes: u64) -> Self {
        entries.truncate(Self::MAX);
        let likes = likes.max(count(entries.len()));
        Self { entries, likes }
    }

    /// Returns the newest likes, newest first.
    pub fn entries(&self) -> &[ProfileEntry] {
        &self.entries
    }

    /// Returns how many foods the user likes: exact up to [`Profile::MAX`], above that as of the last training.
    pub fn likes(&self) -> u64 {
        self.likes
    }

    /// Returns whether the user may like the food: a full profile does not have the oldest likes.
    pub fn may_like(&self, food: FoodId) -> bool {
        self.entries.len() == Self::MAX || self.entries.iter().any(|entry| entry.food == food)
    }

    /// Packs the entries: 16 bytes of the food's id and one byte of its likes each.
    pub fn pack(&self) -> Vec<u8> {
        let entries = self.entries.iter();
        entries
            .flat_map(|entry| entry.food.as_bytes().iter().copied().chain([entry.likes.0]))
            .collect()
    }

    /// Parses what [`pack`](Self::pack) returns.
    pub fn unpack(bytes: &[u8], likes: u64) -> Result<Self, InvalidPackedList> {
        let entries = unpack(bytes, Self::MAX, |entry: &[u8; 17]| {
            let (id, [likes]) = split_id(entry)?;
            Some(ProfileEntry { food: FoodId::from_bytes(id), likes: LogLikes(likes) })
        })?;
        if usize::try_from(likes).is_ok_and(|likes| likes < entries.len()) {
            return Err(InvalidPackedList);
        }
        Ok(Self { entries, likes })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn likes_are_stored_within_5_percent() {
        for likes in [1, 2, 3, 10, 99, 12_345, 1_000_000, 1 << 31] {
            let ratio = LogLikes::new(likes).likes() / to_f64(likes);
            assert!((0.95..1.05).contains(&ratio), "{likes}: {ratio}");
        }
        assert_eq!(LogLikes::new(0), LogLikes::new(1));
        assert_eq!(LogLikes::new(u64::MAX), LogLikes(255));
    }

    #[test]
    fn malformed_profiles_are_rejected() {
        for (length, likes) in [(16, 1), (18, 1), (17, 0), (17 * 201, 201)] {
            let bytes = vec![7; length];
            assert_eq!(Profile::unpack(&bytes, likes), Err(InvalidPackedList), "{length} {likes}");
        }
    }

    #[test]
    fn full_profile_may_have_any_like() {
        let entry = |id: usize| ProfileEntry {
            food: FoodId::from_bytes(u128::try_from(id).unwrap().to_be_bytes()),
            likes: LogLikes::new(1),
        };
        for (entries, liked, other) in [(0, false, false), (1, true, false), (200, true, true)] {
            let profile = Profile::new((0..entries).map(entry).collect(), 0);
            assert_eq!(profile.may_like(entry(0).food), liked, "{entries}");
            assert_eq!(profile.may_like(entry(999).food), other, "{entries}");
        }
    }

    proptest! {
        #[test]
        fn profiles_unpack_as_packed(foods: Vec<([u8; 16], u32)>, more in 0..9_u64) {
            let entry = |&(id, likes): &([u8; 16], u32)| ProfileEntry {
                food: FoodId::from_bytes(id),
                likes: LogLikes::new(likes.into()),
            };
            let likes = u64::try_from(foods.len()).unwrap() + more;
            let profile = Profile::new(foods.iter().map(entry).collect(), likes);
            prop_assert_eq!(Profile::unpack(&profile.pack(), likes), Ok(profile));
        }
    }
}
