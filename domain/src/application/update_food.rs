//! Changing a food.

use bytes::Bytes;
use thiserror::Error;

use super::create_food::{InvalidFood, parse_description, parse_image, parse_title};
use crate::clock::Clock;
use crate::food::{Description, Food, Title};
use crate::id::{FoodId, UserId};
use crate::image::{Image, ImageKey};
use crate::repository::{self, FoodRepository, RepositoryError};
use crate::store::ImageStore;

/// How often a change is tried again on what others made of the food meanwhile. Each failure means
/// that somebody else's change went through.
const MAX_ATTEMPTS: usize = 64;

/// What somebody who changes a food says, once it is right.
#[derive(Debug, Clone)]
pub struct FoodChange {
    title: Title,
    description: Description,
    image: Option<Image>,
}

impl FoodChange {
    /// Checks everything and tells all that is wrong at once. Without a picture the old one stays.
    pub fn parse(
        title: &str,
        description: &str,
        image: Option<Bytes>,
        max_image_bytes: usize,
    ) -> Result<Self, InvalidFood> {
        let image = image
            .map(|bytes| parse_image(bytes, max_image_bytes))
            .transpose();
        match (parse_title(title), parse_description(description), image) {
            (Ok(title), Ok(description), Ok(image)) => Ok(Self {
                title,
                description,
                image,
            }),
            (title, description, image) => Err(InvalidFood(
                [title.err(), description.err(), image.err()]
                    .into_iter()
                    .flatten()
                    .collect(),
            )),
        }
    }
}

/// Why the food is as it was.
#[derive(Debug, Error)]
pub enum UpdateFoodError {
    /// No food has this id.
    #[error("no such food")]
    NotFound,
    /// It is somebody else's.
    #[error("the food is somebody else's")]
    NotOwner,
    /// Another food has the title.
    #[error("the title is taken")]
    TitleTaken,
    /// Others keep changing it.
    #[error("the food is being changed too often")]
    Busy,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Makes the whole change or none of it, and removes the picture that is no longer shown.
pub async fn update_food(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    clock: &impl Clock,
    id: FoodId,
    user: UserId,
    change: FoodChange,
) -> Result<Food, UpdateFoodError> {
    let current = find_own(foods, id, user).await?;
    let uploaded = match &change.image {
        Some(image) => {
            let key = ImageKey::new(id, image.kind(), clock.now());
            images.put(&key, image).await?;
            Some(key)
        }
        None => None,
    };
    match save(foods, clock, current, &change, uploaded.as_ref()).await {
        Ok((replaced, saved)) => {
            if replaced.image != saved.image {
                // The food is saved; a picture left behind is the sweep's business.
                let _ = images.delete(&replaced.image).await;
            }
            Ok(saved)
        }
        Err(error) => {
            if let Some(key) = uploaded
                && is_unused(foods, id, &key, &error).await
            {
                let _ = images.delete(&key).await;
            }
            Err(error)
        }
    }
}

async fn find_own(
    foods: &impl FoodRepository,
    id: FoodId,
    user: UserId,
) -> Result<Food, UpdateFoodError> {
    let food = foods
        .find_latest(id)
        .await?
        .ok_or(UpdateFoodError::NotFound)?;
    if food.creator.id == user {
        Ok(food)
    } else {
        Err(UpdateFoodError::NotOwner)
    }
}

/// Gives the food that was replaced and the one in its place.
async fn save(
    foods: &impl FoodRepository,
    clock: &impl Clock,
    mut current: Food,
    change: &FoodChange,
    uploaded: Option<&ImageKey>,
) -> Result<(Food, Food), UpdateFoodError> {
    for _ in 0..MAX_ATTEMPTS {
        let changed = Food {
            title: change.title.clone(),
            description: change.description.clone(),
            image: uploaded.unwrap_or(&current.image).clone(),
            updated_at: clock.now().max(current.updated_at),
            version: current.version + 1,
            ..current.clone()
        };
        match foods.update(&current, &changed).await {
            Ok(()) => return Ok((current, changed)),
            Err(repository::UpdateFoodError::TitleTaken) => {
                return Err(UpdateFoodError::TitleTaken);
            }
            Err(repository::UpdateFoodError::Repository(error)) => {
                // Perhaps only the answer was lost.
                return match foods.find_latest(current.id).await {
                    Ok(Some(saved)) if saved == changed => Ok((current, saved)),
                    _ => Err(error.into()),
                };
            }
            Err(repository::UpdateFoodError::Changed) => {
                current = find_own(foods, current.id, current.creator.id).await?;
            }
        }
    }
    Err(UpdateFoodError::Busy)
}

/// Whether surely no food refers to the picture that was uploaded for a change that failed.
async fn is_unused(
    foods: &impl FoodRepository,
    id: FoodId,
    key: &ImageKey,
    error: &UpdateFoodError,
) -> bool {
    match error {
        UpdateFoodError::Repository(_) => match foods.find_latest(id).await {
            Ok(Some(food)) => food.image != *key,
            Ok(None) => true,
            Err(_) => false,
        },
        UpdateFoodError::NotFound
        | UpdateFoodError::NotOwner
        | UpdateFoodError::TitleTaken
        | UpdateFoodError::Busy => true,
    }
}
