//! Sharing a food.

use bytes::Bytes;
use thiserror::Error;

use crate::clock::Clock;
use crate::food::{Description, Food, InvalidDescription, InvalidTitle, Title};
use crate::id::{FoodId, UserId};
use crate::image::{Image, ImageKey, InvalidImage};
use crate::repository::{self, FoodRepository, RepositoryError, UserRepository};
use crate::store::ImageStore;

/// What somebody who shares a food says, once it is right.
#[derive(Debug, Clone)]
pub struct NewFood {
    title: Title,
    description: Description,
    image: Image,
}

/// One thing wrong with a food.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidFoodField {
    /// No title.
    #[error("title is required")]
    TitleRequired,
    /// A title longer than [`Title::MAX_CHARS`].
    #[error("the title is too long")]
    TitleTooLong,
    /// No description.
    #[error("description is required")]
    DescriptionRequired,
    /// A description longer than [`Description::MAX_CHARS`].
    #[error("the description is too long")]
    DescriptionTooLong,
    /// No picture.
    #[error("a picture is required")]
    ImageRequired,
    /// A file that is no picture we take.
    #[error(transparent)]
    InvalidImage(InvalidImage),
}

/// Everything wrong with a food; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the food is not valid: {0:?}")]
pub struct InvalidFood(pub Vec<InvalidFoodField>);

pub(super) fn parse_title(raw: &str) -> Result<Title, InvalidFoodField> {
    Title::parse(raw).map_err(|error| match error {
        InvalidTitle::Empty => InvalidFoodField::TitleRequired,
        InvalidTitle::TooLong => InvalidFoodField::TitleTooLong,
    })
}

pub(super) fn parse_description(raw: &str) -> Result<Description, InvalidFoodField> {
    Description::sanitize(raw).map_err(|error| match error {
        InvalidDescription::Empty => InvalidFoodField::DescriptionRequired,
        InvalidDescription::TooLong => InvalidFoodField::DescriptionTooLong,
    })
}

pub(super) fn parse_image(bytes: Bytes, max_bytes: usize) -> Result<Image, InvalidFoodField> {
    Image::parse(bytes, max_bytes).map_err(InvalidFoodField::InvalidImage)
}

impl NewFood {
    /// Checks everything and tells all that is wrong at once.
    pub fn parse(
        title: &str,
        description: &str,
        image: Option<Bytes>,
        max_image_bytes: usize,
    ) -> Result<Self, InvalidFood> {
        let image = image
            .ok_or(InvalidFoodField::ImageRequired)
            .and_then(|bytes| parse_image(bytes, max_image_bytes));
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

/// Why no food was shared.
#[derive(Debug, Error)]
pub enum CreateFoodError {
    /// Another food has the title.
    #[error("the title is taken")]
    TitleTaken,
    /// The account is gone.
    #[error("the account is gone")]
    CreatorGone,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Keeps the picture, then the food that refers to it. A food that is not saved leaves no picture.
pub async fn create_food(
    users: &impl UserRepository,
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    clock: &impl Clock,
    creator: UserId,
    new: NewFood,
) -> Result<Food, CreateFoodError> {
    let now = clock.now();
    let creator = users
        .find(creator)
        .await?
        .ok_or(CreateFoodError::CreatorGone)?;
    let id = FoodId::new(now);
    let food = Food {
        id,
        creator,
        title: new.title,
        description: new.description,
        image: ImageKey::new(id, new.image.kind(), now),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    images.put(&food.image, &new.image).await?;
    let error = match foods.create(&food).await {
        Ok(()) => return Ok(food),
        Err(repository::CreateFoodError::TitleTaken) => CreateFoodError::TitleTaken,
        Err(repository::CreateFoodError::Repository(error)) => {
            // Perhaps only the answer was lost. Where nobody can tell, the picture stays: an
            // orphan can be swept, a food without its picture cannot be mended.
            match foods.find_latest(id).await {
                Ok(None) => CreateFoodError::Repository(error),
                Ok(Some(saved)) => return Ok(saved),
                Err(_) => return Err(error.into()),
            }
        }
    };
    // The answer is about the food; a picture left behind is the sweep's business.
    let _ = images.delete(&food.image).await;
    Err(error)
}
