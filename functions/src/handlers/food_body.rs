//! A food as JSON.

use domain::food::Food;
use domain::image::{Size, StoredKey, VariantKey, VariantKind};
use serde::Serialize;

use crate::setup::ImageUrls;

/// One smaller one of a food's picture.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FoodImage))]
struct VariantBody {
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    url: String,
    width: u32,
    height: u32,
    #[cfg_attr(feature = "openapi", schema(pattern = "^image/(jpeg|webp)$"))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Food))]
pub(super) struct FoodBody<'a> {
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    id: String,
    /// Who shared it.
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    user_id: String,
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    title: &'a str,
    /// HTML without scripts, event handlers and unknown elements.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 20_000))]
    description: &'a str,
    /// The picture, and once there are variants the JPEG of at most 1280 pixels. It always loads.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    food_image: String,
    /// Variants of the picture, from small to large: 320, 640, 1280 and 2048 pixels wide, none wider than the picture, each as JPEG and as
    /// WebP. They come moments after the food; few pictures have none.
    images: Vec<VariantBody>,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    created_at: String,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    updated_at: String,
    /// Always null: deleting really deletes, and old clients expect the member.
    #[cfg_attr(feature = "openapi", schema(required = true))]
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

#[cfg(feature = "openapi")]
impl crate::openapi::Example for FoodBody<'_> {
    fn example() -> Self {
        use crate::openapi::example;

        let picture = format!("{}/{}.jpg", example::FOOD_ID, example::IMAGE_ID);
        let variant = |kind: VariantKind, ending| VariantBody {
            url: format!("https://pictures.example.com/variants/{picture}/320.{ending}"),
            width: 320,
            height: 240,
            r#type: kind.media_type(),
        };
        Self {
            id: example::FOOD_ID.to_owned(),
            user_id: example::USER_ID.to_owned(),
            title: "Jollof rice",
            description: "<p>Smoky</p>",
            food_image: format!("https://pictures.example.com/foods/{picture}"),
            images: vec![
                variant(VariantKind::Jpeg, "jpg"),
                variant(VariantKind::Webp, "webp"),
            ],
            created_at: "2026-11-22T18:53:26.123Z".to_owned(),
            updated_at: "2026-11-22T18:53:26.123Z".to_owned(),
            deleted_at: None,
        }
    }
}
