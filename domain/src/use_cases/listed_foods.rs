//! Reading the foods of a list, within a budget of bytes and so of read units.

use std::collections::HashMap;

use crate::food::{Food, FoodCatalog};
use crate::id::FoodId;
use crate::page::Page;
use crate::storage::StorageError;

/// The number of foods that are read at once: if all are large, they exceed [`MAX_BYTES`] a little.
pub(super) const STEP: usize = 25;
/// The size of foods after which a list ends: 64 read units.
pub(super) const MAX_BYTES: usize = 512 * 1024;

/// A page of foods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoodPage<Position> {
    /// The foods.
    pub foods: Vec<Food>,
    /// The position after which the next page starts; `None` for the last page.
    pub next: Option<Position>,
}

/// Reads foods and counts their bytes.
pub(super) struct FoodReader<'a, C> {
    catalog: &'a C,
    read: HashMap<FoodId, Food>,
    bytes: usize,
}

impl<'a, C: FoodCatalog> FoodReader<'a, C> {
    pub(super) fn new(catalog: &'a C) -> Self {
        Self { catalog, read: HashMap::new(), bytes: 0 }
    }

    /// Reads those of these foods (at most 100) that exist and were not read yet.
    pub(super) async fn read(&mut self, ids: &[FoodId]) -> Result<(), StorageError> {
        let is_new = |id: &FoodId| !self.read.contains_key(id);
        let new: Vec<_> = ids.iter().copied().filter(is_new).collect();
        if !new.is_empty() {
            let found = self.catalog.find_many(&new).await?;
            self.bytes += found.iter().map(size).sum::<usize>();
            self.read.extend(found.into_iter().map(|food| (food.id, food)));
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MAX_BYTES
    }

    /// Returns a food that was read; `None` if it does not exist.
    pub(super) fn get(&self, id: FoodId) -> Option<&Food> {
        self.read.get(&id)
    }

    /// Reads the foods of a page of a list, in its order. Ends early at the budget.
    pub(super) async fn page<T, Position>(
        mut self,
        list: &Page<T>,
        id: impl Fn(&T) -> FoodId,
        position: impl Fn(&T) -> Position,
    ) -> Result<FoodPage<Position>, StorageError> {
        let (mut foods, mut read) = (Vec::with_capacity(list.items.len()), 0);
        for step in list.items.chunks(STEP) {
            if self.is_full() {
                break;
            }
            let ids: Vec<_> = step.iter().map(&id).collect();
            self.read(&ids).await?;
            foods.extend(ids.iter().filter_map(|id| self.get(*id).cloned()));
            read += step.len();
        }
        let more = list.more || read < list.items.len();
        let last = list.items[..read].last().map(position);
        Ok(FoodPage { foods, next: last.filter(|_| more) })
    }

    /// Reads foods in this order until `max` exist. May return fewer, at the budget.
    pub(super) async fn first(
        &mut self,
        ids: &[FoodId],
        max: usize,
    ) -> Result<Vec<Food>, StorageError> {
        let mut found = Vec::with_capacity(max);
        for step in ids.chunks(STEP) {
            if found.len() >= max || self.is_full() {
                break;
            }
            self.read(step).await?;
            found.extend(step.iter().filter_map(|id| self.get(*id).cloned()));
        }
        found.truncate(max);
        Ok(found)
    }
}

/// Returns about how many bytes a stored food has.
fn size(food: &Food) -> usize {
    /// Ids, times, names and a title.
    const OTHER: usize = 512;
    food.description.as_str().len() + OTHER
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::food::{Description, FoodRepository};
    use crate::testing::{MemoryFoods, sample};

    #[tokio::test]
    async fn list_ends_at_the_budget_of_bytes() {
        let foods = MemoryFoods::default();
        let ada = sample::public_user(sample::timestamp());
        let mut ids = Vec::new();
        for _ in 0..100 {
            let description = Description::sanitize(&"a".repeat(19_000)).unwrap();
            let food = Food { description, ..sample::food(&ada) };
            foods.create(&food).await.unwrap();
            ids.push(food.id);
        }
        let listed = FoodReader::new(&foods).first(&ids, 100).await.unwrap();
        assert_eq!(listed.len(), 2 * STEP);
        let listed: Vec<_> = listed.iter().map(|food| food.id).collect();
        assert_eq!(listed, ids[..2 * STEP]);
    }
}
