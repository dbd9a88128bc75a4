//! [`FoodRepository`] and [`FoodCatalog`] in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use super::{MemoryUsers, lock, page};
use crate::food::{
    Food, FoodCatalog, FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError,
};
use crate::id::{FoodId, ImageId, UserId};
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// Foods in memory.
#[derive(Debug, Default)]
pub struct MemoryFoods {
    foods: Mutex<BTreeMap<FoodId, Food>>,
    titles: Mutex<HashMap<String, FoodId>>,
    claims: Mutex<HashMap<ImageId, FoodId>>,
    /// The accounts of creators; `None` if a creator needs no account.
    creators: Option<MemoryUsers>,
}

impl MemoryFoods {
    /// Creates an empty repository whose creators need an account.
    pub fn with_creators(users: MemoryUsers) -> Self {
        Self { creators: Some(users), ..Self::default() }
    }

    /// Returns whether another food has the title.
    fn is_taken(&self, food: &Food) -> bool {
        lock(&self.titles).get(&food.title.folded()).is_some_and(|other| *other != food.id)
    }

    /// Records that the food uses its upload; returns `false` if another food has used it.
    fn claim(&self, food: &Food) -> bool {
        let Some(upload) = food.upload else {
            return true;
        };
        *lock(&self.claims).entry(upload).or_insert(food.id) == food.id
    }
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
        if self.is_taken(food) || foods.contains_key(&food.id) {
            return Err(InsertFoodError::TitleTaken);
        }
        if !self.claim(food) {
            return Err(InsertFoodError::UploadTaken);
        }
        lock(&self.titles).insert(food.title.folded(), food.id);
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
        let of_owner = foods.values().rev().filter(|food| food.creator.id == owner);
        let entries = of_owner.map(|food| (food.id, food.id));
        Ok(page(entries, request, |id, after| id < after))
    }

    async fn update(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError> {
        let mut foods = lock(&self.foods);
        if !is_current(&foods, current) {
            return Err(ReplaceFoodError::VersionConflict);
        }
        if self.is_taken(changed) {
            return Err(ReplaceFoodError::TitleTaken);
        }
        if changed.upload != current.upload && !self.claim(changed) {
            return Err(ReplaceFoodError::UploadTaken);
        }
        let mut titles = lock(&self.titles);
        titles.remove(&current.title.folded());
        titles.insert(changed.title.folded(), changed.id);
        let likes = foods.get(&changed.id).map_or(0, |stored| stored.likes);
        foods.insert(changed.id, Food { likes, ..changed.clone() });
        Ok(())
    }

    async fn delete(&self, food: &Food) -> Result<(), RemoveFoodError> {
        let mut foods = lock(&self.foods);
        if !is_current(&foods, food) {
            return Err(RemoveFoodError::VersionConflict);
        }
        lock(&self.titles).remove(&food.title.folded());
        foods.remove(&food.id);
        Ok(())
    }
}

impl FoodCatalog for MemoryFoods {
    async fn find_many(&self, ids: &[FoodId]) -> Result<Vec<Food>, StorageError> {
        let foods = lock(&self.foods);
        let existing = ids.iter().filter_map(|id| foods.get(id));
        Ok(existing.cloned().collect())
    }

    async fn find_existing(&self, ids: &[FoodId]) -> Result<Vec<FoodId>, StorageError> {
        let foods = lock(&self.foods);
        Ok(ids.iter().filter(|id| foods.contains_key(id)).copied().collect())
    }

    async fn set_likes(&self, id: FoodId, likes: u64) -> Result<bool, StorageError> {
        let mut foods = lock(&self.foods);
        let found = foods.get_mut(&id);
        Ok(found.map(|food| food.likes = likes).is_some())
    }

    async fn scan_ids(&self, visit: impl FnMut(FoodId) + Send) -> Result<(), StorageError> {
        lock(&self.foods).keys().copied().for_each(visit);
        Ok(())
    }
}
