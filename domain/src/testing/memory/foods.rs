//! Foods in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{lock, page};
use crate::food::{Food, FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError};
use crate::id::{FoodId, ImageId, UserId};
use crate::image::{ImageKey, Variants};
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;

/// Foods in memory. Saving can be made to fail.
#[derive(Debug, Default)]
pub struct MemoryFoods {
    foods: Mutex<BTreeMap<FoodId, Food>>,
    claims: Mutex<HashMap<ImageId, FoodId>>,
    fails: AtomicBool,
    loses_answers: AtomicBool,
    repeats: AtomicBool,
}

impl MemoryFoods {
    /// From now on nothing is saved, and nobody is told why.
    pub fn fail(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }

    /// From now on everything is saved, and the caller hears of a failure.
    pub fn lose_answers(&self) {
        self.loses_answers.store(true, Ordering::SeqCst);
    }

    /// From now on every change is sent twice, as where the first answer was lost, and the caller
    /// hears the second answer.
    pub fn repeat(&self) {
        self.repeats.store(true, Ordering::SeqCst);
    }

    fn replace(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError> {
        let mut foods = lock(&self.foods);
        if !is_current(&foods, current) {
            return Err(ReplaceFoodError::Changed);
        }
        if is_taken(&foods, changed) {
            return Err(ReplaceFoodError::TitleTaken);
        }
        if changed.upload != current.upload && !self.claim(changed) {
            return Err(ReplaceFoodError::UploadTaken);
        }
        let stored = foods
            .get(&changed.id)
            .filter(|food| food.image == changed.image);
        let variants = stored.map(|food| food.variants.clone()).unwrap_or_default();
        let changed = Food {
            variants,
            ..changed.clone()
        };
        foods.insert(changed.id, changed);
        Ok(())
    }

    /// Whether the food's upload is its own from now on.
    fn claim(&self, food: &Food) -> bool {
        let Some(upload) = food.upload else {
            return true;
        };
        *lock(&self.claims).entry(upload).or_insert(food.id) == food.id
    }

    fn before_save(&self) -> Result<(), StorageError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StorageError::Unavailable("the test says so".into()));
        }
        Ok(())
    }

    fn after_save(&self) -> Result<(), StorageError> {
        if self.loses_answers.load(Ordering::SeqCst) {
            return Err(StorageError::Unavailable("the answer is lost".into()));
        }
        Ok(())
    }
}

fn is_taken(foods: &BTreeMap<FoodId, Food>, food: &Food) -> bool {
    let folded = food.title.folded();
    foods
        .values()
        .any(|other| other.id != food.id && other.title.folded() == folded)
}

fn is_current(foods: &BTreeMap<FoodId, Food>, food: &Food) -> bool {
    foods.get(&food.id).is_some_and(|stored| {
        stored.version == food.version && stored.creator.id == food.creator.id
    })
}

impl FoodRepository for MemoryFoods {
    async fn create(&self, food: &Food) -> Result<(), InsertFoodError> {
        self.before_save()?;
        let mut foods = lock(&self.foods);
        if is_taken(&foods, food) || foods.contains_key(&food.id) {
            return Err(InsertFoodError::TitleTaken);
        }
        if !self.claim(food) {
            return Err(InsertFoodError::UploadTaken);
        }
        foods.insert(food.id, food.clone());
        Ok(self.after_save()?)
    }

    async fn find(&self, id: FoodId) -> Result<Option<Food>, StorageError> {
        self.find_latest(id).await
    }

    async fn find_latest(&self, id: FoodId) -> Result<Option<Food>, StorageError> {
        Ok(lock(&self.foods).get(&id).cloned())
    }

    async fn list(&self, request: PageRequest<FoodId>) -> Result<Page<Food>, StorageError> {
        let foods = lock(&self.foods);
        let entries = foods.iter().rev().map(|(id, food)| (*id, food.clone()));
        Ok(page(entries, request, |id, after| id < after))
    }

    async fn find_images(&self, ids: &[FoodId]) -> Result<Vec<ImageKey>, StorageError> {
        let foods = lock(&self.foods);
        let found = ids.iter().filter_map(|id| foods.get(id));
        Ok(found.map(|food| food.image.clone()).collect())
    }

    async fn list_by_owner(
        &self,
        owner: UserId,
        request: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, StorageError> {
        let foods = lock(&self.foods);
        let theirs = foods.values().filter(|food| food.creator.id == owner);
        let entries = theirs.map(|food| (food.id, food.id));
        Ok(page(entries, request, |id, after| id > after))
    }

    async fn update(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError> {
        self.before_save()?;
        self.replace(current, changed)?;
        if self.repeats.load(Ordering::SeqCst) {
            self.replace(current, changed)?;
        }
        Ok(self.after_save()?)
    }

    async fn set_variants(
        &self,
        image: &ImageKey,
        variants: &Variants,
    ) -> Result<bool, StorageError> {
        self.before_save()?;
        let mut foods = lock(&self.foods);
        let shown = foods.get_mut(&image.food());
        let Some(food) = shown.filter(|food| food.image == *image) else {
            return Ok(false);
        };
        food.variants = variants.clone();
        self.after_save()?;
        Ok(true)
    }

    async fn delete(&self, food: &Food) -> Result<(), RemoveFoodError> {
        self.before_save()?;
        let mut foods = lock(&self.foods);
        if !is_current(&foods, food) {
            return Err(RemoveFoodError::Changed);
        }
        foods.remove(&food.id);
        Ok(self.after_save()?)
    }
}
