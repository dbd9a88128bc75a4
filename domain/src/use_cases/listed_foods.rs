//! Reading the foods of a list, within a budget of bytes and so of read units.

use std::collections::HashMap;

use crate::food::{Description, Food, FoodCatalog};
use crate::id::FoodId;
use crate::page::Page;
use crate::storage::StorageError;

/// The maximum number of foods that are read at once.
const STEP: usize = 25;
/// The maximum size of all foods of a list. They cost at most 70 read units.
const MAX_BYTES: usize = 512 * 1024;
/// The maximum size of a food.
const MAX_FOOD: usize = Description::MAX_BYTES + OTHER;
/// The size of a food besides its description: ids, times, names, a title.
const OTHER: usize = 512;

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
    /// `None`: the food does not exist.
    read: HashMap<FoodId, Option<Food>>,
    bytes: usize,
}

impl<'a, C: FoodCatalog> FoodReader<'a, C> {
    pub(super) fn new(catalog: &'a C) -> Self {
        Self { catalog, read: HashMap::new(), bytes: 0 }
    }

    /// Reads those of these foods (at most 100) that were not read yet.
    pub(super) async fn read(&mut self, ids: &[FoodId]) -> Result<(), StorageError> {
        let new: Vec<_> = ids.iter().copied().filter(|id| !self.is_known(*id)).collect();
        if !new.is_empty() {
            let found = self.catalog.find_many(&new).await?;
            self.bytes += found.iter().map(size).sum::<usize>();
            self.read.extend(new.into_iter().map(|id| (id, None)));
            self.read.extend(found.into_iter().map(|food| (food.id, Some(food))));
        }
        Ok(())
    }

    /// Returns how many foods the rest of the budget allows, whatever their size.
    pub(super) fn allowed(&self) -> usize {
        MAX_BYTES.saturating_sub(self.bytes) / MAX_FOOD
    }

    /// Returns whether a food was read.
    pub(super) fn is_known(&self, id: FoodId) -> bool {
        self.read.contains_key(&id)
    }

    /// Returns a food that was read; `None` if it does not exist.
    pub(super) fn get(&self, id: FoodId) -> Option<&Food> {
        self.read.get(&id)?.as_ref()
    }

    /// Reads the foods of a page of a list, in its order. Ends early at the budget.
    pub(super) async fn page<T, Position>(
        mut self,
        list: &Page<T>,
        id: impl Fn(&T) -> FoodId,
        position: impl Fn(&T) -> Position,
    ) -> Result<FoodPage<Position>, StorageError> {
        let mut foods = Vec::with_capacity(list.items.len());
        let mut rest = &list.items[..];
        while let Some((step, after)) = self.next_step(rest) {
            let ids: Vec<_> = step.iter().map(&id).collect();
            self.read(&ids).await?;
            foods.extend(ids.iter().filter_map(|id| self.get(*id).cloned()));
            rest = after;
        }
        let more = list.more || !rest.is_empty();
        let last = list.items[..list.items.len() - rest.len()].last().map(position);
        Ok(FoodPage { foods, next: last.filter(|_| more) })
    }

    /// Reads foods in this order until `max` exist. May return fewer, at the budget.
    pub(super) async fn first(
        &mut self,
        ids: &[FoodId],
        max: usize,
    ) -> Result<Vec<Food>, StorageError> {
        let (mut found, mut rest) = (Vec::with_capacity(max), ids);
        while found.len() < max
            && let Some((step, after)) = self.next_step(rest)
        {
            self.read(step).await?;
            found.extend(step.iter().filter_map(|id| self.get(*id).cloned()));
            rest = after;
        }
        found.truncate(max);
        Ok(found)
    }

    /// Splits off the items that are read next; `None` at the end or at the budget.
    fn next_step<'items, T>(&self, rest: &'items [T]) -> Option<(&'items [T], &'items [T])> {
        let step = STEP.min(self.allowed()).min(rest.len());
        (step > 0).then(|| rest.split_at(step))
    }
}

/// Returns about how many bytes a stored food has.
fn size(food: &Food) -> usize {
    food.description.as_str().len() + OTHER
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::food::FoodRepository;
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
        let bytes: usize = listed.iter().map(size).sum();
        assert!(bytes <= MAX_BYTES && MAX_BYTES - bytes < MAX_FOOD, "{bytes}");
        let listed: Vec<_> = listed.iter().map(|food| food.id).collect();
        assert_eq!(listed, ids[..listed.len()]);
    }
}
