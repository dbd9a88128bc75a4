//! Validation of the fields of a food in requests.

use thiserror::Error;

use super::attach_image::{ImagePipeline, RenderError, RenderedImage};
use crate::food::{Description, InvalidDescription, Title};
use crate::id::UserId;
use crate::image::{ImageRenderer, ImageSource, ImageStore, InvalidImage, UploadStore};
use crate::storage::StorageError;
use crate::text::InvalidText;

/// The unvalidated fields of a food in a request. A missing text is the empty string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoodInput {
    /// The title as the client sent it.
    pub title: String,
    /// The description as the client sent it: HTML that is not sanitized.
    pub description: String,
    /// The image of the request: none, a file, or an upload.
    pub image: ImageSource,
}

/// One invalid field of a food.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidFoodField {
    /// The title is missing.
    #[error("title is required")]
    TitleRequired,
    /// The title contains a forbidden character.
    #[error("not a valid title")]
    InvalidTitle,
    /// The title is longer than [`Title::MAX_CHARS`].
    #[error("the title is too long")]
    TitleTooLong,
    /// The description is missing, or has no visible text after sanitizing.
    #[error("description is required")]
    DescriptionRequired,
    /// The description is longer than [`Description::MAX_CHARS`] or [`Description::MAX_BYTES`].
    #[error("the description is too long")]
    DescriptionTooLong,
    /// The description has too many tags or attributes, or too long ones.
    #[error("the description has too much markup")]
    DescriptionTooMuchMarkup,
    /// The image is missing.
    #[error("an image is required")]
    ImageRequired,
    /// The user has no upload with this id.
    #[error("upload not found")]
    UploadNotFound,
    /// The image was rejected.
    #[error(transparent)]
    InvalidImage(InvalidImage),
}

/// All invalid fields of a food; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the food is not valid: {0:?}")]
pub struct InvalidFood(pub Vec<InvalidFoodField>);

/// The validated fields of a food.
pub(super) struct ValidFood {
    pub(super) title: Title,
    pub(super) description: Description,
    pub(super) image: Option<RenderedImage>,
}

/// Why the fields of a food could not be validated.
#[derive(Debug, Error)]
pub(super) enum ValidateError {
    #[error(transparent)]
    Invalid(InvalidFood),
    #[error(transparent)]
    Storage(StorageError),
}

/// Validates all fields of a food, renders the image, and reports all errors in the order of the fields.
pub(super) async fn validate(
    images: &ImagePipeline<impl ImageStore, impl UploadStore, impl ImageRenderer>,
    owner: UserId,
    input: FoodInput,
    needs_image: bool,
) -> Result<ValidFood, ValidateError> {
    let title = Title::parse(&input.title).map_err(|error| match error {
        InvalidText::Empty => InvalidFoodField::TitleRequired,
        InvalidText::TooLong => InvalidFoodField::TitleTooLong,
        InvalidText::ForbiddenCharacter => InvalidFoodField::InvalidTitle,
    });
    let description = Description::sanitize(&input.description).map_err(|error| match error {
        InvalidDescription::Empty => InvalidFoodField::DescriptionRequired,
        InvalidDescription::TooLong => InvalidFoodField::DescriptionTooLong,
        InvalidDescription::TooMuchMarkup => InvalidFoodField::DescriptionTooMuchMarkup,
    });
    let image = match images.render(owner, input.image).await {
        Ok(None) if needs_image => Err(InvalidFoodField::ImageRequired),
        Ok(image) => Ok(image),
        Err(RenderError::UploadNotFound) => Err(InvalidFoodField::UploadNotFound),
        Err(RenderError::Invalid(error)) => Err(InvalidFoodField::InvalidImage(error)),
        Err(RenderError::Storage(error)) => return Err(ValidateError::Storage(error)),
    };
    match (title, description, image) {
        (Ok(title), Ok(description), Ok(image)) => Ok(ValidFood { title, description, image }),
        (title, description, image) => {
            let invalid = [title.err(), description.err(), image.err()];
            let invalid = invalid.into_iter().flatten().collect();
            Err(ValidateError::Invalid(InvalidFood(invalid)))
        }
    }
}
