//! The JSON body of a food.

use domain::food::Food;
use domain::image::{Format, Size};
use serde::Serialize;

use crate::dependencies::ImageUrls;

/// A rendition of a food's image.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FoodImage))]
struct ImageBody {
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    url: String,
    width: u32,
    height: u32,
    #[cfg_attr(feature = "openapi", schema(pattern = "^image/(jpeg|webp)$"))]
    r#type: &'static str,
}

impl ImageBody {
    fn new(food: &Food, size: Size, format: Format, urls: &ImageUrls) -> Self {
        Self {
            url: urls.url(food.rendition_key(size, format)),
            width: size.width,
            height: size.height,
            r#type: format.media_type(),
        }
    }
}

/// The public data of a food.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Food))]
pub(super) struct FoodBody<'a> {
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    id: String,
    /// The user who created the food.
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    user_id: String,
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    title: &'a str,
    /// Sanitized HTML: no scripts, event handlers or unknown elements.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 20_000))]
    description: &'a str,
    /// The URL of a JPEG of at most 1280 pixels in width.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    food_image: String,
    /// All renditions, narrowest first: JPEG and WebP of 320, 640, 1280 and 2048 pixels in width, but no wider than the image, and at
    /// most 4,096 pixels high.
    images: Vec<ImageBody>,
    /// The number of users who like the food. In lists and responses to updates it may lag behind by up to 10 %.
    likes: u64,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    created_at: String,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    updated_at: String,
    /// Always null: deleted foods are removed. Old clients expect the member.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    deleted_at: Option<String>,
}

impl<'a> FoodBody<'a> {
    pub(super) fn new(food: &'a Food, urls: &ImageUrls) -> Self {
        let sizes = &food.image.sizes;
        let images = sizes
            .as_slice()
            .iter()
            .flat_map(|size| Format::ALL.map(|format| ImageBody::new(food, *size, format, urls)));
        Self {
            id: food.id.to_string(),
            user_id: food.creator.id.to_string(),
            title: food.title.as_str(),
            description: food.description.as_str(),
            food_image: urls.url(food.rendition_key(sizes.preferred(), Format::Jpeg)),
            images: images.collect(),
            likes: food.likes,
            created_at: food.created_at.to_string(),
            updated_at: food.updated_at.to_string(),
            deleted_at: None,
        }
    }
}
