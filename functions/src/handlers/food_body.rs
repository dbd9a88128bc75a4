//! A food as JSON.

use domain::food::Food;
use domain::image::{Size, StoredKey, VariantKey, VariantKind};
use serde::Serialize;

use crate::setup::ImageUrls;

/// One smaller one of a food's picture.
#[derive(Debug, Serialize)]
struct VariantBody {
    url: String,
    width: u32,
    height: u32,
    r#type: &'static str,
}

/// From small to large; of each size the one that all clients show comes first.
fn variants(food: &Food, urls: &ImageUrls) -> Vec<VariantBody> {
    let variant = |size: Size, kind: VariantKind| {
        let key = VariantKey::new(&food.image, size, kind);
        VariantBody {
            url: urls.url(&StoredKey::Variant(key)),
            width: size.width,
            height: size.height,
            r#type: kind.media_type(),
        }
    };
    let sizes = food.variants.sizes().iter();
    let both = sizes.flat_map(|size| VariantKind::ALL.map(|kind| variant(*size, kind)));
    both.collect()
}

/// What everybody may see of a food.
#[derive(Debug, Serialize)]
pub(super) struct FoodBody<'a> {
    id: String,
    user_id: String,
    title: &'a str,
    description: &'a str,
    food_image: String,
    images: Vec<VariantBody>,
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
            food_image: urls.url(&food.usual_image()),
            images: variants(food, urls),
            created_at: food.created_at.to_string(),
            updated_at: food.updated_at.to_string(),
            deleted_at: None,
        }
    }
}
