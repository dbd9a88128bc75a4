//! Lists of the foods that rank first for everybody.

use crate::id::FoodId;
use crate::packed::{InvalidPackedList, split_id, unpack};

/// One of the lists of foods that are the same for all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopList {
    /// By number of likes.
    Popular,
    /// By recent likes; the score is [`hot`](crate::recommend::hot).
    Trending,
    /// Foods younger than a week with few likes, newest first; the score is the number of likes.
    Fresh,
}

impl TopList {
    /// All lists.
    pub const ALL: [Self; 3] = [Self::Popular, Self::Trending, Self::Fresh];
}

/// A food in a list, with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopFood {
    /// The food.
    pub food: FoodId,
    /// The score in this list; never NaN.
    pub score: f32,
}

/// A list of foods, best first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Top(Vec<TopFood>);

impl Top {
    /// The maximum number of foods. With 20 bytes each, an item is a little larger than 2 KB: half a read unit, 2 or 3 write units.
    pub const MAX: usize = 100;

    /// Creates a list of the first [`Top::MAX`] of these foods, by score and then by id; `Fresh` only by id, newest first.
    pub fn new(list: TopList, foods: impl IntoIterator<Item = TopFood>) -> Self {
        let mut foods: Vec<_> = foods.into_iter().collect();
        match list {
            TopList::Fresh => foods.sort_unstable_by_key(|top| std::cmp::Reverse(top.food)),
            TopList::Popular | TopList::Trending => foods.sort_unstable_by(|one, other| {
                other.score.total_cmp(&one.score).then_with(|| one.food.cmp(&other.food))
            }),
        }
        foods.truncate(Self::MAX);
        Self(foods)
    }

    /// Returns the list after its entries for `changed` foods were replaced by these scores; `None` removes a food.
    #[must_use]
    pub fn updated(&self, list: TopList, changed: &[(FoodId, Option<f32>)]) -> Self {
        let is_unchanged = |top: &&TopFood| !changed.iter().any(|(food, _)| *food == top.food);
        let kept = self.0.iter().filter(is_unchanged).copied();
        let entered =
            changed.iter().filter_map(|&(food, score)| Some(TopFood { food, score: score? }));
        Self::new(list, kept.chain(entered))
    }

    /// Returns how `newer` differs from this list, for [`updated`](Self::updated).
    pub fn changes(&self, newer: &Self) -> Vec<(FoodId, Option<f32>)> {
        let score =
            |list: &Self, food| list.0.iter().find(|top| top.food == food).map(|top| top.score);
        let entered = newer.0.iter().map(|top| (top.food, Some(top.score)));
        let left = self.0.iter().map(|top| (top.food, score(newer, top.food)));
        let left = left.filter(|(_, score)| score.is_none());
        entered.filter(|(food, new)| score(self, *food) != *new).chain(left).collect()
    }

    /// Returns the foods, best first.
    pub fn as_slice(&self) -> &[TopFood] {
        &self.0
    }

    /// Packs the list: 16 bytes of the food's id and 4 bytes of its score each.
    pub fn pack(&self) -> Vec<u8> {
        let entry = |top: &TopFood| {
            let score = top.score.to_be_bytes();
            top.food.as_bytes().iter().copied().chain(score).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(entry).collect()
    }

    /// Parses what [`pack`](Self::pack) returns.
    pub fn unpack(bytes: &[u8]) -> Result<Self, InvalidPackedList> {
        let list = unpack(bytes, Self::MAX, |entry: &[u8; 20]| {
            let (id, score) = split_id(entry)?;
            let (food, score) = (FoodId::from_bytes(id), f32::from_be_bytes(score));
            (!score.is_nan()).then_some(TopFood { food, score })
        })?;
        Ok(Self(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(id: u8, score: f32) -> TopFood {
        TopFood { food: FoodId::from_bytes([id; 16]), score }
    }

    #[test]
    fn update_moves_adds_and_removes_foods() {
        let list = Top::new(TopList::Popular, [top(1, 3.0), top(2, 5.0), top(3, 4.0)]);
        let id = |id| FoodId::from_bytes([id; 16]);
        let changed = [(id(1), Some(9.0)), (id(2), None), (id(4), Some(4.0))];
        let expected = Top::new(TopList::Popular, [top(1, 9.0), top(3, 4.0), top(4, 4.0)]);
        assert_eq!(list.updated(TopList::Popular, &changed), expected);
    }

    #[test]
    fn changes_turn_a_list_into_a_newer_one() {
        let list = Top::new(TopList::Popular, [top(1, 3.0), top(2, 5.0), top(3, 4.0)]);
        let newer = Top::new(TopList::Popular, [top(1, 9.0), top(3, 4.0), top(4, 4.0)]);
        let changes = list.changes(&newer);
        assert_eq!(changes.len(), 3);
        assert_eq!(list.updated(TopList::Popular, &changes), newer);
    }

    #[test]
    fn fresh_foods_are_listed_newest_first() {
        let list = Top::new(TopList::Fresh, [top(1, 4.0), top(3, 0.0), top(2, 2.0)]);
        assert_eq!(list.as_slice(), [top(3, 0.0), top(2, 2.0), top(1, 4.0)]);
    }

    #[test]
    fn full_lists_unpack_as_packed() {
        let list = Top::new(TopList::Trending, (0..=255).map(|id| top(id, f32::from(id) / 3.0)));
        assert_eq!(list.as_slice().len(), Top::MAX);
        assert_eq!(Top::unpack(&list.pack()), Ok(list));
    }

    #[test]
    fn malformed_lists_are_rejected() {
        let nan = [[7; 16].as_slice(), &f32::NAN.to_be_bytes()].concat();
        for bytes in [vec![0; 19], vec![0; 20 * 101], nan] {
            assert_eq!(Top::unpack(&bytes), Err(InvalidPackedList));
        }
    }
}
