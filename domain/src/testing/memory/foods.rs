//! [`FoodRepository`] in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use super::{MemoryUsers, lock, page};
use crate::food::{Food, FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError};
use crate::id::{FoodId, ImageId, UserId};
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// A [`FoodRepository`] in memory.
#[derive(Debug, Default)]
pub struct MemoryFoods {
    foods: Mutex<BTreeMap<FoodId, Food>>,
    claims: Mutex<HashMap<ImageId, FoodId>>,
    /// The accounts of creators; `None` if a creator needs no account.
    creators: Option<MemoryUsers>,
}

impl MemoryFoods {
    /// Creates an empty repository whose creators need an account.
    pub fn with_creators(users: MemoryUsers) -> Self {
        Self { creators: Some(users), ..Self::default() }
    }

    /// Records that the food uses its upload; returns `false` if another food has used it.
    fn claim(&self, food: &Food) -> bool {
        let Some(upload) = food.upload else {
            return true;
        };
        *lock(&self.claims).entry(upload).or_insert(food.id) == food.id
    }
}

fn is_taken(foods: &BTreeMap<FoodId, Food>, food: &Food) -> bool {
    let folded = food.title.folded();
    foods.values().any(|other| other.id != food.id && other.title.folded() == folded)
}

fn is_current(foods: &BTreeMap<FoodId, Food>, food: &Food) -> bool {
    foods.get(&food.id).is_some_and(|stored| {
        stored.version == food.version && stored.creator.id == food.creator.id
    })
}

impl FoodRepository for MemoryFoods {
    async fn create(&self, food: &Food) -> Result<(), InsertFoodError> {
        let mut foods = lock(&self.foods);
        if self.creators.as_ref().is_some_and(|users| users.account(food.creator.id).is_none()) {
            return Err(InsertFoodError::CreatorGone);
        }
        if is_taken(&foods, food) || foods.contains_key(&food.id) {
            return Err(InsertFoodError::TitleTaken);
        }
        if !self.claim(food) {
            return Err(InsertFoodError::UploadTaken);
        }
        foods.insert(food.id, food.clone());
        Ok(())
    }

    async fn find(&self, id: FoodId) -> Result<Option<Food>, StorageError> {
        self.find_consistent(id).await
    }

    async fn find_consistent(&self, id: FoodId) -> Result<Option<Food>, StorageError> {
        Ok(lock(&self.foods).get(&id).cloned())
    }

    async fn list(&self, request: PageRequest<FoodId>) -> Result<Page<Food>, StorageError> {
        let foods = lock(&self.foods);
        let entries = foods.iter().rev().map(|(id, food)| (*id, food.clone()));
        Ok(page(entries, request, |id, after| id < after))
    }

    async fn find_images(&self, ids: &[FoodId]) -> Result<Vec<ImageId>, StorageError> {
        let foods = lock(&self.foods);
        let existing = ids.iter().filter_map(|id| foods.get(id));
        Ok(existing.map(|food| food.image.id).collect())
    }

    async fn list_by_owner(
        &self,
        owner: UserId,
        request: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, StorageError> {
        let foods = lock(&self.foods);
        let of_owner = foods.values().filter(|food| food.creator.id == owner);
        let entries = of_owner.map(|food| (food.id, food.id));
        Ok(page(entries, request, |id, after| id > after))
    }

    async fn update(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError> {
        let mut foods = lock(&self.foods);
        if !is_current(&foods, current) {
            return Err(ReplaceFoodError::VersionConflict);
        }
        if is_taken(&foods, changed) {
            return Err(ReplaceFoodError::TitleTaken);
        }
        if changed.upload != current.upload && !self.claim(changed) {
            return Err(ReplaceFoodError::UploadTaken);
        }
        foods.insert(changed.id, changed.clone());
        Ok(())
    }

    async fn delete(&self, food: &Food) -> Result<(), RemoveFoodError> {
        let mut foods = lock(&self.foods);
        if !is_current(&foods, food) {
            return Err(RemoveFoodError::VersionConflict);
        }
        foods.remove(&food.id);
        Ok(())
    }
}
