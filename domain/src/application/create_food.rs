//! Sharing a food.

use thiserror::Error;

use super::SignedIn;
use crate::clock::Clock;
use crate::food::{
    Description, Food, FoodRepository, InsertFoodError, InvalidDescription, InvalidTitle, Title,
};
use crate::id::{FoodId, ImageId};
use crate::image::{GivenImage, Image, ImageKey, ImageStore, InvalidImage, Upload, Variants};
use crate::storage::StorageError;
use crate::user::PublicUser;

/// What somebody who shares a food says, once it is right.
#[derive(Debug, Clone)]
pub struct NewFood {
    title: Title,
    description: Description,
    image: OpenedImage,
}

/// A picture, and which upload it was if it was one.
#[derive(Debug, Clone)]
pub(super) struct OpenedImage {
    pub(super) image: Image,
    pub(super) upload: Option<ImageId>,
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
    /// A description with too many tags, or too long ones.
    #[error("the description has too much markup")]
    DescriptionTooMuchMarkup,
    /// No picture.
    #[error("a picture is required")]
    ImageRequired,
    /// No such upload, or somebody else's.
    #[error("there is no such upload")]
    NoSuchUpload,
    /// A file that is no picture we take.
    #[error(transparent)]
    InvalidImage(InvalidImage),
}

/// Everything wrong with a food; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the food is not valid: {0:?}")]
pub struct InvalidFood(pub Vec<InvalidFoodField>);

impl InvalidFood {
    pub(super) fn of(fields: [Option<InvalidFoodField>; 3]) -> Self {
        Self(fields.into_iter().flatten().collect())
    }
}

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
        InvalidDescription::TooMuchMarkup => InvalidFoodField::DescriptionTooMuchMarkup,
    })
}

/// `None` where none is given.
pub(super) fn open_image(
    given: GivenImage,
    max_bytes: usize,
) -> Result<Option<OpenedImage>, InvalidFoodField> {
    let open_upload = |upload: &Upload| {
        let image = upload.open(max_bytes)?;
        let upload = Some(upload.key.id());
        Ok(OpenedImage { image, upload })
    };
    let opened = match given {
        GivenImage::None => return Ok(None),
        GivenImage::NoSuchUpload => return Err(InvalidFoodField::NoSuchUpload),
        GivenImage::File(bytes) => Image::parse(bytes, max_bytes).map(|image| OpenedImage {
            image,
            upload: None,
        }),
        GivenImage::Upload(upload) => open_upload(&upload),
    };
    opened.map(Some).map_err(InvalidFoodField::InvalidImage)
}

impl NewFood {
    /// Checks everything and tells all that is wrong at once.
    pub fn parse(
        title: &str,
        description: &str,
        image: GivenImage,
        max_image_bytes: usize,
    ) -> Result<Self, InvalidFood> {
        let image = open_image(image, max_image_bytes)
            .and_then(|image| image.ok_or(InvalidFoodField::ImageRequired));
        match (parse_title(title), parse_description(description), image) {
            (Ok(title), Ok(description), Ok(image)) => Ok(Self {
                title,
                description,
                image,
            }),
            (title, description, image) => Err(InvalidFood::of([
                title.err(),
                description.err(),
                image.err(),
            ])),
        }
    }
}

/// Why no food was shared.
#[derive(Debug, Error)]
pub enum CreateFoodError {
    /// Another food has the title.
    #[error("the title is taken")]
    TitleTaken,
    /// Another food has the upload.
    #[error("the upload is taken")]
    UploadTaken,
    /// The account is gone.
    #[error("the account is gone")]
    CreatorGone,
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// Keeps the picture, then the food that refers to it. A food that is refused leaves no picture.
/// `creator` is who shares it, as [`UserRepository::find_latest`] found them. The food has the id `id`;
/// where it is there already, an attempt before has made it, and that is the answer.
///
/// [`UserRepository::find_latest`]: crate::user::UserRepository::find_latest
pub async fn create_food(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    clock: &impl Clock,
    who: SignedIn,
    creator: Option<PublicUser>,
    id: FoodId,
    new: NewFood,
) -> Result<Food, CreateFoodError> {
    let now = clock.now();
    let creator = creator
        .filter(|creator| creator.id == who.user)
        .ok_or(CreateFoodError::CreatorGone)?;
    let food = Food {
        id,
        creator,
        title: new.title,
        description: new.description,
        image: ImageKey::new(id, new.image.image.kind(), now),
        upload: new.image.upload,
        variants: Variants::default(),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    images.put(&food.image, &new.image.image).await?;
    let error = match foods.create(&food).await {
        Ok(()) => return Ok(food),
        Err(InsertFoodError::TitleTaken) => CreateFoodError::TitleTaken,
        Err(InsertFoodError::UploadTaken) => CreateFoodError::UploadTaken,
        Err(InsertFoodError::Repository(error)) => error.into(),
    };
    // Perhaps only the answer was lost, or an attempt before had made it.
    let saved = foods.find_latest(id).await;
    let is_unused = match (&saved, &error) {
        (Ok(Some(saved)), _) => saved.image != food.image,
        (Ok(None), CreateFoodError::TitleTaken | CreateFoodError::UploadTaken) => true,
        // Nobody can tell, or the write lands later: an orphan can be swept, a food without its
        // picture cannot be mended.
        (Ok(None) | Err(_), _) => false,
    };
    if is_unused {
        // The answer is about the food; a picture left behind harms nobody.
        let _ = images.delete(&food.image).await;
    }
    match saved {
        Ok(Some(saved)) => Ok(saved),
        Ok(None) | Err(_) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use bytes::Bytes;

    use super::*;
    use crate::application::test_support::signed_in;
    use crate::id::UserId;
    use crate::image::{ImageKind, UploadKey};
    use crate::password::PasswordHash;
    use crate::testing::{
        Fault, Faulty, FixedClock, MemoryFoods, MemoryImages, MemoryUsers, faulty, sample,
        unavailable,
    };
    use crate::user::UserRepository;

    const MAX_BYTES: usize = 1_000;

    const PICTURE: GivenImage = GivenImage::File(Bytes::from_static(sample::GIF));

    fn rice() -> NewFood {
        NewFood::parse(" Jollof rice ", "<p>With plantain</p>", PICTURE, MAX_BYTES).unwrap()
    }

    fn wrong(title: &str, description: &str, image: GivenImage) -> Vec<InvalidFoodField> {
        NewFood::parse(title, description, image, MAX_BYTES)
            .unwrap_err()
            .0
    }

    async fn ada(users: &MemoryUsers) -> PublicUser {
        let user = sample::user();
        let hash = PasswordHash::new("a hash".to_owned());
        users.create(&user, &hash).await.unwrap();
        user.public
    }

    /// Reads who it is, then shares.
    async fn share(
        users: &MemoryUsers,
        foods: &impl FoodRepository,
        images: &impl ImageStore,
        clock: &FixedClock,
        user: UserId,
        new: NewFood,
    ) -> Result<Food, CreateFoodError> {
        let creator = users.find_latest(user).await?;
        let id = FoodId::new(clock.now());
        create_food(foods, images, clock, signed_in(user), creator, id, new).await
    }

    #[test]
    fn all_that_is_missing_is_told_at_once_and_in_order() {
        assert_eq!(
            wrong(" ", "\n", GivenImage::None),
            [
                InvalidFoodField::TitleRequired,
                InvalidFoodField::DescriptionRequired,
                InvalidFoodField::ImageRequired,
            ]
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_in_order() {
        assert_eq!(
            wrong(
                &"x".repeat(101),
                &"x".repeat(20_001),
                GivenImage::File(Bytes::from_static(b"text"))
            ),
            [
                InvalidFoodField::TitleTooLong,
                InvalidFoodField::DescriptionTooLong,
                InvalidFoodField::InvalidImage(InvalidImage::Unrecognised),
            ]
        );
        assert_eq!(
            wrong(
                "Rice",
                "Good",
                GivenImage::File(vec![0; MAX_BYTES + 1].into())
            ),
            [InvalidFoodField::InvalidImage(InvalidImage::TooLarge {
                max_bytes: MAX_BYTES
            })]
        );
    }

    #[test]
    fn a_description_that_is_all_script_counts_as_missing() {
        assert_eq!(
            wrong("Rice", "<script>steal()</script>", PICTURE),
            [InvalidFoodField::DescriptionRequired]
        );
    }

    #[test]
    fn an_empty_file_is_no_picture() {
        assert_eq!(
            wrong("Rice", "Good", GivenImage::File(Bytes::new())),
            [InvalidFoodField::InvalidImage(InvalidImage::Unrecognised)]
        );
    }

    #[tokio::test]
    async fn a_food_is_saved_with_its_picture_and_its_creator() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let (clock, ada) = (FixedClock::default(), ada(&users).await);
        let food = share(&users, &foods, &images, &clock, ada.id, rice())
            .await
            .unwrap();
        assert_eq!(food.creator, ada);
        assert_eq!(food.title.as_str(), "Jollof rice");
        assert_eq!(food.description.as_str(), "<p>With plantain</p>");
        assert_eq!(
            (food.created_at, food.updated_at),
            (clock.now(), clock.now())
        );
        assert_eq!(food.version, 1);
        assert_eq!(images.get(&food.image), Some(sample::image()));
        let directory = format!("foods/{}/", food.id);
        assert!(food.image.as_str().starts_with(&directory));
        assert!(food.image.as_str().ends_with(ImageKind::Gif.extension()));
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn what_runs_is_not_saved() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let ada = ada(&users).await;
        let hostile = "<p onclick=\"steal()\">Good<script>steal()</script> \
                       <a href=\"javascript:steal()\">rice</a></p>";
        let new = NewFood::parse("Rice", hostile, PICTURE, MAX_BYTES).unwrap();
        let food = share(&users, &foods, &images, &FixedClock::default(), ada.id, new)
            .await
            .unwrap();
        assert_eq!(
            food.description.as_str(),
            "<p>Good <a rel=\"noopener noreferrer\">rice</a></p>"
        );
    }

    #[tokio::test]
    async fn an_attempt_that_comes_again_with_its_id_is_answered_with_what_it_made() {
        let (users, clock) = (MemoryUsers::default(), FixedClock::default());
        let (foods, images) = (MemoryFoods::default(), MemoryImages::default());
        let ada = ada(&users).await;
        let (who, id) = (signed_in(ada.id), FoodId::new(clock.now()));
        let mut shared = Vec::new();
        for _ in 0..2 {
            let creator = Some(ada.clone());
            let food = create_food(&foods, &images, &clock, who, creator, id, rice()).await;
            shared.push(food.unwrap());
        }
        assert_eq!(shared[0], shared[1]);
        assert!(images.get(&shared[0].image).is_some());
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_taken_title_leaves_no_food_and_no_picture() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let (clock, ada) = (FixedClock::default(), ada(&users).await);
        let first = share(&users, &foods, &images, &clock, ada.id, rice())
            .await
            .unwrap();
        let same = NewFood::parse("JOLLOF RICE", "Mine", PICTURE, MAX_BYTES).unwrap();
        let refused = share(&users, &foods, &images, &clock, ada.id, same).await;
        assert!(matches!(refused, Err(CreateFoodError::TitleTaken)));
        assert_eq!(images.count(), 1);
        assert!(images.get(&first.image).is_some());
    }

    fn uploaded(owner: UserId) -> (Upload, NewFood) {
        let upload = Upload {
            key: UploadKey::new(owner, ImageId::new(sample::moment())),
            declared: Some(ImageKind::Gif),
            bytes: Bytes::from_static(sample::GIF),
        };
        let given = GivenImage::Upload(upload.clone());
        let new = NewFood::parse("Rice", "Good", given, MAX_BYTES).unwrap();
        (upload, new)
    }

    #[tokio::test]
    async fn an_upload_belongs_to_one_food() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let (clock, ada) = (FixedClock::default(), ada(&users).await);
        let (upload, new) = uploaded(ada.id);
        let food = share(&users, &foods, &images, &clock, ada.id, new.clone())
            .await
            .unwrap();
        assert_eq!(food.upload, Some(upload.key.id()));
        let again = NewFood {
            title: Title::parse("Other rice").unwrap(),
            ..new
        };
        let refused = share(&users, &foods, &images, &clock, ada.id, again).await;
        assert!(matches!(refused, Err(CreateFoodError::UploadTaken)));
        assert_eq!(images.count(), 1);
        assert!(images.get(&food.image).is_some());
    }

    #[test]
    fn what_is_no_upload_of_ones_own_or_no_picture_is_told() {
        assert_eq!(
            wrong("", "Good", GivenImage::NoSuchUpload),
            [
                InvalidFoodField::TitleRequired,
                InvalidFoodField::NoSuchUpload
            ]
        );
        let (upload, _) = uploaded(UserId::new(sample::moment()));
        let other = Upload {
            declared: Some(ImageKind::Jpeg),
            ..upload
        };
        let kind = ImageKind::Gif;
        assert_eq!(
            wrong("Rice", "Good", GivenImage::Upload(other)),
            [InvalidFoodField::InvalidImage(InvalidImage::OtherKind {
                kind
            })]
        );
    }

    #[tokio::test]
    async fn who_is_gone_shares_nothing() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let gone = UserId::new(sample::moment());
        let clock = FixedClock::default();
        let refused = share(&users, &foods, &images, &clock, gone, rice()).await;
        assert!(matches!(refused, Err(CreateFoodError::CreatorGone)));
        assert_eq!(images.count(), 0);
    }

    #[tokio::test]
    async fn nobody_shares_for_somebody_else() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let (clock, ada) = (FixedClock::default(), ada(&users).await);
        let eve = signed_in(UserId::new(sample::moment()));
        let id = FoodId::new(clock.now());
        let refused = create_food(&foods, &images, &clock, eve, Some(ada), id, rice()).await;
        assert!(matches!(refused, Err(CreateFoodError::CreatorGone)));
        assert_eq!(images.count(), 0);
    }

    #[tokio::test]
    async fn a_save_that_failed_and_may_land_later_keeps_its_picture() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let (clock, ada) = (FixedClock::default(), ada(&users).await);
        let foods = faulty(&foods, "create", Fault::Unavailable);
        let failed = share(&users, &foods, &images, &clock, ada.id, rice()).await;
        assert!(matches!(failed, Err(CreateFoodError::Repository(_))));
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_lost_answer_loses_neither_food_nor_picture() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let (clock, ada) = (FixedClock::default(), ada(&users).await);
        let lossy = faulty(&foods, "create", Fault::ResponseLost);
        let food = share(&users, &lossy, &images, &clock, ada.id, rice())
            .await
            .unwrap();
        assert!(images.get(&food.image).is_some());
        assert_eq!(foods.find_latest(food.id).await.unwrap(), Some(food));
    }

    #[tokio::test]
    async fn where_nobody_can_tell_whether_the_food_is_saved_the_picture_stays() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let (clock, ada) = (FixedClock::default(), ada(&users).await);
        let asked = Cell::new(false);
        let foods = Faulty::new(&foods, async |call| {
            if call == "create" {
                return Fault::ResponseLost;
            }
            asked.set(true);
            Fault::Unavailable
        });
        let failed = share(&users, &foods, &images, &clock, ada.id, rice()).await;
        assert!(matches!(failed, Err(CreateFoodError::Repository(_))));
        assert!(asked.get());
        assert_eq!(images.count(), 1);
    }

    #[tokio::test]
    async fn a_store_that_is_down_saves_nothing() {
        let (users, foods, images) = (
            MemoryUsers::default(),
            MemoryFoods::default(),
            MemoryImages::default(),
        );
        let (clock, ada) = (FixedClock::default(), ada(&users).await);
        let failed = share(
            &users,
            &foods,
            &unavailable(&images),
            &clock,
            ada.id,
            rice(),
        )
        .await;
        assert!(matches!(failed, Err(CreateFoodError::Repository(_))));
        let created = share(&users, &foods, &images, &clock, ada.id, rice()).await;
        assert!(created.is_ok(), "the title is free");
    }
}
