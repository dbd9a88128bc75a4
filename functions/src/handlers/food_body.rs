//! A food as JSON.

use domain::food::Food;
use serde::Serialize;

use crate::setup::ImageUrls;

/// What everybody may see of a food.
#[derive(Debug, Serialize)]
pub(super) struct FoodBody<'a> {
    id: String,
    user_id: String,
    title: &'a str,
    description: &'a str,
    food_image: String,
    created_at: String,
    updated_at: String,
    /// Always null: deleting really deletes, and old clients expect the member.
    deleted_at: Option<String>,
}

impl<'a> FoodBody<'a> {
    pub(super) fn new(food: &'a Food, urls: &ImageUrls) -> Self {
        Self {
            id: food.id.to_string(),
            user_id: food.creator.id.to_string(),
            title: food.title.as_str(),
            description: food.description.as_str(),
            food_image: urls.url(&food.image),
            created_at: food.created_at.to_string(),
            updated_at: food.updated_at.to_string(),
            deleted_at: None,
        }
    }
}
