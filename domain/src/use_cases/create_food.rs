//! Creating a food.

use thiserror::Error;

use super::AuthenticatedUser;
use super::attach_image::ImagePipeline;
use super::food_input::{FoodInput, InvalidFood, InvalidFoodField, ValidateError, validate};
use crate::clock::Clock;
use crate::food::{Food, FoodRepository, InsertFoodError};
use crate::id::FoodId;
use crate::image::{ImageRenderer, ImageStore, UploadStore};
use crate::storage::StorageError;
use crate::user::PublicUser;

/// Why no food was created.
#[derive(Debug, Error)]
pub enum CreateFoodError {
    /// A field is invalid; see [`InvalidFood`].
    #[error(transparent)]
    Invalid(InvalidFood),
    /// Another food has the title.
    #[error("the title is taken")]
    TitleTaken,
    /// Another food has the upload.
    #[error("the upload is taken")]
    UploadTaken,
    /// The account of the creator was deleted.
    #[error("the account was deleted")]
    CreatorGone,
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Stores the renditions of the image, then the food under the id `id`. If a food with this id exists, an
/// earlier attempt created it; it is returned unchanged. If the food is rejected, its renditions are deleted.
///
/// `creator` is the result of [`UserRepository::find_consistent`]: `None` if the account was deleted.
///
/// [`UserRepository::find_consistent`]: crate::user::UserRepository::find_consistent
pub async fn create_food(
    foods: &impl FoodRepository,
    images: &ImagePipeline<impl ImageStore, impl UploadStore, impl ImageRenderer>,
    clock: &impl Clock,
    user: AuthenticatedUser,
    creator: Option<PublicUser>,
    id: FoodId,
    input: FoodInput,
) -> Result<Food, CreateFoodError> {
    let creator =
        creator.filter(|creator| creator.id == user.id).ok_or(CreateFoodError::CreatorGone)?;
    let valid = match validate(images, user.id, input, true).await {
        Ok(valid) => valid,
        Err(ValidateError::Storage(error)) => return Err(error.into()),
        Err(ValidateError::Invalid(invalid)) => {
            // An earlier attempt may have consumed the upload.
            let is_upload_missing = invalid.0.contains(&InvalidFoodField::UploadNotFound);
            let existing = if is_upload_missing { foods.find_consistent(id).await? } else { None };
            return existing.ok_or(CreateFoodError::Invalid(invalid));
        }
    };
    let image = valid.image.ok_or_else(|| {
        CreateFoodError::Invalid(InvalidFood(vec![InvalidFoodField::ImageRequired]))
    })?;
    let now = clock.now();
    let upload = image.upload;
    let food = Food {
        id,
        creator,
        title: valid.title,
        description: valid.description,
        image: images.store(id, image, now).await?,
        upload,
        created_at: now,
        updated_at: now,
        version: 1,
        likes: 0,
    };
    let error = match foods.create(&food).await {
        Ok(()) => {
            images.delete_upload(user.id, upload).await;
            return Ok(food);
        }
        Err(InsertFoodError::TitleTaken) => CreateFoodError::TitleTaken,
        Err(InsertFoodError::UploadTaken) => CreateFoodError::UploadTaken,
        Err(InsertFoodError::CreatorGone) => CreateFoodError::CreatorGone,
        Err(InsertFoodError::Storage(error)) => error.into(),
    };
    // The food may exist: the response was lost, or an earlier attempt created it.
    let saved = foods.find_consistent(id).await;
    let is_unused = match (&saved, &error) {
        (Ok(Some(saved)), _) => saved.image != food.image,
        // The write may be applied later. The sweep can delete an unused image; nothing can restore one.
        (Ok(None), CreateFoodError::Storage(_)) | (Err(_), _) => false,
        (Ok(None), _) => true,
    };
    if is_unused {
        images.delete_image(&food).await;
    }
    match saved {
        Ok(Some(saved)) => {
            images.delete_upload(user.id, saved.upload).await;
            Ok(saved)
        }
        Ok(None) => Err(error),
        // An error that ends the operation requires that no earlier attempt created the food.
        Err(unknown) => Err(unknown.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ImageId, UserId};
    use crate::image::{ImageSource, InvalidImage, UploadKey};
    use crate::password::PasswordHash;
    use crate::testing::{
        Fault, Faulty, MemoryFoods, MemoryUsers, contended, faulty, sample, unavailable,
    };
    use crate::use_cases::test_support::{FoodFixture, authenticated_user, image_pipeline};
    use crate::user::UserRepository;

    /// A user without foods, the id of the next food, and empty stores.
    struct Fixture {
        ada: PublicUser,
        id: FoodId,
        food: FoodFixture,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                ada: sample::public_user(sample::timestamp()),
                id: FoodId::new(sample::timestamp()),
                food: FoodFixture::new(),
            }
        }

        async fn create_in(
            &self,
            foods: &impl FoodRepository,
            input: FoodInput,
        ) -> Result<Food, CreateFoodError> {
            let (user, creator) = (authenticated_user(self.ada.id), Some(self.ada.clone()));
            let (images, clock) = (&self.food.images, &self.food.clock);
            create_food(foods, images, clock, user, creator, self.id, input).await
        }

        async fn create(&self, input: FoodInput) -> Result<Food, CreateFoodError> {
            self.create_in(&self.food.foods, input).await
        }

        /// Returns whether the store contains the four renditions of the food's image and nothing else.
        fn has_only_image_of(&self, food: &Food) -> bool {
            self.food.has_image_of(food) && self.food.images.store.count() == 4
        }
    }

    fn input(title: &str, image: ImageSource) -> FoodInput {
        FoodInput { title: title.to_owned(), description: "<p>With plantain</p>".to_owned(), image }
    }

    fn rice() -> FoodInput {
        input(" Jollof rice ", ImageSource::Inline(sample::IMAGE))
    }

    async fn invalid(input: FoodInput) -> Vec<InvalidFoodField> {
        match Fixture::new().create(input).await {
            Err(CreateFoodError::Invalid(invalid)) => invalid.0,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn invalid_food_returns_all_field_errors() {
        let input = |title: &str, description: &str, image| FoodInput {
            title: title.to_owned(),
            description: description.to_owned(),
            image,
        };
        assert_eq!(
            invalid(input(" ", "<script>steal()</script>", ImageSource::None)).await,
            [
                InvalidFoodField::TitleRequired,
                InvalidFoodField::DescriptionRequired,
                InvalidFoodField::ImageRequired,
            ]
        );
        let text = ImageSource::Inline("text".into());
        let (title, description) = ("x".repeat(101), "x".repeat(20_001));
        assert_eq!(
            invalid(input(&title, &description, text)).await,
            [
                InvalidFoodField::TitleTooLong,
                InvalidFoodField::DescriptionTooLong,
                InvalidFoodField::InvalidImage(InvalidImage::UnsupportedFormat),
            ]
        );
        let unknown = ImageSource::Upload(ImageId::new(sample::timestamp()).to_string());
        assert_eq!(
            invalid(input("", "Good", unknown)).await,
            [InvalidFoodField::TitleRequired, InvalidFoodField::UploadNotFound]
        );
    }

    #[tokio::test]
    async fn image_over_max_bytes_is_rejected() {
        let max_bytes = image_pipeline().max_bytes;
        let mut bytes = sample::IMAGE.to_vec();
        bytes.resize(max_bytes, 0);
        let at_limit = rice_with(bytes.clone());
        Fixture::new().create(at_limit).await.unwrap();
        bytes.push(0);
        let too_large = InvalidImage::TooLarge { max_bytes };
        let expected = [InvalidFoodField::InvalidImage(too_large)];
        assert_eq!(invalid(rice_with(bytes)).await, expected);
    }

    fn rice_with(bytes: Vec<u8>) -> FoodInput {
        input("Rice", ImageSource::Inline(bytes.into()))
    }

    #[tokio::test]
    async fn created_food_has_creator_and_renditions() {
        let fixture = Fixture::new();
        let food = fixture.create(rice()).await.unwrap();
        let now = fixture.food.clock.now();
        assert_eq!(food.creator, fixture.ada);
        assert_eq!(food.title.as_str(), "Jollof rice");
        assert_eq!(food.description.as_str(), "<p>With plantain</p>");
        assert_eq!((food.created_at, food.updated_at), (now, now));
        assert_eq!((food.version, food.upload), (1, None));
        assert_eq!(food.image.sizes, sample::image().sizes);
        assert!(fixture.has_only_image_of(&food));
        assert_eq!(fixture.food.stored(&food).await, Some(food));
    }

    #[tokio::test]
    async fn retry_with_same_id_returns_existing_food() {
        for fault in [Fault::None, Fault::ResponseLost] {
            for with_upload in [false, true] {
                let fixture = Fixture::new();
                let upload = fixture.food.upload(fixture.ada.id).to_string();
                let input = || {
                    if with_upload {
                        input("Rice", ImageSource::Upload(upload.clone()))
                    } else {
                        rice()
                    }
                };
                let foods = faulty(&fixture.food.foods, "create", fault);
                let first = fixture.create_in(&foods, input()).await.unwrap();
                // The first attempt has consumed the upload.
                let uploads = fixture.food.images.uploads.count();
                assert_eq!(uploads, usize::from(!with_upload));
                let retried = fixture.create(input()).await.unwrap();
                assert_eq!(first, retried);
                assert!(fixture.has_only_image_of(&first));
            }
        }
    }

    #[tokio::test]
    async fn taken_title_or_upload_creates_no_food_and_no_image() {
        let mut fixture = Fixture::new();
        let upload = fixture.food.upload(fixture.ada.id);
        let with_upload = |title| input(title, ImageSource::Upload(upload.to_string()));
        let food = fixture.create(with_upload("Jollof rice")).await.unwrap();
        assert_eq!(food.upload, Some(upload));
        // The upload may still exist, if deleting it failed.
        let (owner, id) = (fixture.ada.id, upload);
        let key = UploadKey { owner, id };
        fixture.food.images.uploads.put(key, sample::IMAGE);
        fixture.id = FoodId::new(sample::timestamp());
        let rejected = fixture.create(with_upload("Other rice")).await;
        assert!(matches!(rejected, Err(CreateFoodError::UploadTaken)));
        let uppercase = input("JOLLOF RICE", ImageSource::Inline(sample::IMAGE));
        let rejected = fixture.create(uppercase).await;
        assert!(matches!(rejected, Err(CreateFoodError::TitleTaken)));
        assert!(fixture.has_only_image_of(&food));
    }

    #[tokio::test]
    async fn upload_of_another_user_is_not_found() {
        let fixture = Fixture::new();
        let id = fixture.food.upload(UserId::new(sample::timestamp()));
        for raw in [id.to_string(), String::new(), format!("../{id}")] {
            let rejected = fixture.create(input("Rice", ImageSource::Upload(raw))).await;
            let expected = InvalidFood(vec![InvalidFoodField::UploadNotFound]);
            match rejected {
                Err(CreateFoodError::Invalid(invalid)) => assert_eq!(invalid, expected),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(fixture.food.images.uploads.count(), 1);
    }

    #[tokio::test]
    async fn deleted_user_cannot_create_food() {
        let Fixture { ada, id, food } = Fixture::new();
        let (user, foods, clock) = (authenticated_user(ada.id), &food.foods, &food.clock);
        let rejected = create_food(foods, &food.images, clock, user, None, id, rice()).await;
        assert!(matches!(rejected, Err(CreateFoodError::CreatorGone)));
        assert_eq!(food.images.store.count(), 0);
    }

    #[tokio::test]
    async fn food_is_rejected_when_its_creator_is_deleted_meanwhile() {
        let (mut fixture, users) = (Fixture::new(), MemoryUsers::default());
        fixture.food.foods = MemoryFoods::with_creators(users.clone());
        let user = sample::user();
        fixture.ada = user.public.clone();
        users.create(&user, &PasswordHash::new("a hash".to_owned())).await.unwrap();
        // The handler has read the account, and the images are stored.
        let foods = contended(&fixture.food.foods, "create", async || {
            assert_eq!(fixture.food.images.store.count(), 4);
            users.delete(user.public.id, sample::timestamp()).await.unwrap();
        });
        let rejected = fixture.create_in(&foods, rice()).await;
        assert!(matches!(rejected, Err(CreateFoodError::CreatorGone)));
        assert_eq!(fixture.food.images.store.count(), 0);
        assert_eq!(fixture.food.foods.find_consistent(fixture.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn taken_title_is_not_reported_when_food_cannot_be_read() {
        let mut fixture = Fixture::new();
        fixture.create(rice()).await.unwrap();
        fixture.id = FoodId::new(sample::timestamp());
        let foods = faulty(&fixture.food.foods, "find_consistent", Fault::Unavailable);
        let failed = fixture.create_in(&foods, rice()).await;
        assert!(matches!(failed, Err(CreateFoodError::Storage(_))));
    }

    #[tokio::test]
    async fn image_stays_when_food_creation_outcome_is_unknown() {
        for fault in [Fault::Unavailable, Fault::ResponseLost] {
            let fixture = Fixture::new();
            let foods = Faulty::new(&fixture.food.foods, async |method| match method {
                "create" => fault,
                _ => Fault::Unavailable,
            });
            let failed = fixture.create_in(&foods, rice()).await;
            assert!(matches!(failed, Err(CreateFoodError::Storage(_))));
            assert_eq!(fixture.food.images.store.count(), 4);
        }
    }

    #[tokio::test]
    async fn food_is_not_created_when_storing_its_image_fails() {
        let Fixture { ada, id, food } = Fixture::new();
        let images = ImagePipeline {
            store: unavailable(&food.images.store),
            uploads: unavailable(&food.images.uploads),
            renderer: food.images.renderer,
            max_bytes: food.images.max_bytes,
        };
        let (user, foods, clock) = (authenticated_user(ada.id), &food.foods, &food.clock);
        let failed = create_food(foods, &images, clock, user, Some(ada), id, rice()).await;
        assert!(matches!(failed, Err(CreateFoodError::Storage(_))));
        assert_eq!(foods.find_consistent(id).await.unwrap(), None);
    }
}
