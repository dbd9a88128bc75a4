//! The scene that the files in `events/` expect, with the same ids and secrets as
//! `events/generate.py`: two users, a food and a session of each.

use std::sync::LazyLock;

use bytes::Bytes;
use domain::clock::{Clock as _, SystemClock, Timestamp};
use domain::food::{Description, Food, FoodRepository, InsertFoodError, ReplaceFoodError, Title};
use domain::id::{FoodId, ImageId, SessionId, TokenId, UserId};
use domain::image::{Format, Image, ImageKind, ImageStore, Rendition, Size, Sizes, UploadKey};
use domain::password::{Password, PasswordHash, PasswordHasher};
use domain::session::{RefreshTokenState, Session, SessionStore, UserAgent};
use domain::storage::StorageError;
use domain::use_cases::store_image;
use domain::user::{Email, InsertUserError, PublicUser, User, UserName, UserRepository};
use engines::TableNames;
use functions::dependencies::Dependencies;
use functions::settings::SettingsError;
use infrastructure::argon2::Argon2Hasher;
use infrastructure::aws::AwsSettings;
use thiserror::Error;

/// What the access tokens in the events are signed with.
pub const ACCESS_SECRET: &str = "the access secret of the events, not for production";
/// What the refresh tokens in the events are signed with.
pub const REFRESH_SECRET: &str = "the refresh secret of the events, not for production";

/// The id of a user.
pub const ADA: &str = "01990000-0000-7000-8000-000000000001";
/// The id of another.
pub const EVE: &str = "01990000-0000-7000-8000-000000000002";
/// The id of Ada's login.
pub const ADAS_SESSION: &str = "01990000-0000-7000-8000-00000000a001";
/// The id of another login of hers.
pub const ADAS_LAPTOP: &str = "01990000-0000-7000-8000-00000000a005";
/// The id of Ada's food.
pub const JOLLOF: &str = "01990000-0000-7000-8000-00000000f001";
/// The id of Eve's food.
pub const FUFU: &str = "01990000-0000-7000-8000-00000000f002";
/// What Ada has uploaded and given to no food yet.
pub const ADAS_UPLOAD: &str = "01990000-0000-7000-8000-00000000d001";

/// Ada's address.
pub const EMAIL: &str = "ada@example.com";
/// The password of both. It is nobody's secret.
pub const PASSWORD: &str = "analytical";

const REFRESH_TOKEN: &str = "01990000-0000-7000-8000-00000000b001";
const UNTIL_2100: i64 = 4_102_444_800;
const IMAGE: &[u8] = include_bytes!("../../../events/jollof.jpg");
const SIZE: Size = Size {
    width: 320,
    height: 240,
};

/// Of the password; the same for everybody, and made once, because it takes a while.
static HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    let hash = Argon2Hasher::default().hash(&Password::unvalidated(PASSWORD));
    hash.expect("hashing has the memory it needs")
});

struct Person {
    id: &'static str,
    first_name: &'static str,
    email: &'static str,
    session: &'static str,
    food: &'static str,
    title: &'static str,
    image: &'static str,
}

const PEOPLE: [Person; 2] = [
    Person {
        id: ADA,
        first_name: "Ada",
        email: EMAIL,
        session: ADAS_SESSION,
        food: JOLLOF,
        title: "Jollof rice",
        image: "01990000-0000-7000-8000-00000000c001",
    },
    Person {
        id: EVE,
        first_name: "Eve",
        email: "eve@example.com",
        session: "01990000-0000-7000-8000-00000000a002",
        food: FUFU,
        title: "Fufu and egusi",
        image: "01990000-0000-7000-8000-00000000c002",
    },
];

/// Why the scene is not set.
#[derive(Debug, Error)]
pub enum SeedError {
    /// See [`SettingsError`].
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Another account has the address.
    #[error("{0} belongs to another account")]
    EmailTaken(&'static str),
    /// Another food has the title.
    #[error("another food is called {0:?}")]
    TitleTaken(&'static str),
    /// Somebody changes the food at the same time.
    #[error("{0:?} is being changed by somebody else")]
    Changed(&'static str),
    /// See [`StorageError`].
    #[error(transparent)]
    Store(#[from] StorageError),
}

/// The settings of functions that play it, by name.
pub fn settings(
    aws: &AwsSettings,
    tables: TableNames,
    [images, uploads]: [String; 2],
) -> Vec<(String, String)> {
    let endpoint = |url: &Option<String>| url.clone().unwrap_or_default();
    [
        ("AWS_REGION", aws.region.clone()),
        ("AWS_ACCESS_KEY_ID", aws.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", aws.secret_access_key.clone()),
        (
            "AWS_ENDPOINT_URL_DYNAMODB",
            endpoint(&aws.dynamodb_endpoint),
        ),
        ("AWS_ENDPOINT_URL_S3", endpoint(&aws.s3_endpoint)),
        ("USERS_TABLE", tables.users),
        ("FOODS_TABLE", tables.foods),
        ("SESSIONS_TABLE", tables.sessions),
        ("IMAGES_BUCKET", images),
        ("UPLOADS_BUCKET", uploads),
        ("IMAGE_BASE_URL", "https://images.food.example".to_owned()),
        ("ACCESS_SECRET", ACCESS_SECRET.to_owned()),
        ("REFRESH_SECRET", REFRESH_SECRET.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Sets the scene in the tables and the bucket that the settings name. Where it was set before, it
/// is as at first again: the accounts have their passwords back, the foods their titles and images,
/// and the sessions are open. What else is there stays.
pub async fn fill(setup: &Dependencies) -> Result<(), SeedError> {
    let (users, foods) = (setup.users()?, setup.foods()?);
    let (sessions, images, uploads) = (setup.sessions()?, setup.images()?, setup.uploads()?);
    let now = SystemClock.now();
    for person in &PEOPLE {
        let user = person.user(now);
        person.join(&users, &user).await?;
        let owner = user.public.id;
        let food = person.food(user.public, now);
        store_image(&images, food.id, food.image.id, renditions()).await?;
        person.share(&foods, &images, food).await?;
        if person.id == ADA {
            let id = ImageId::parse(ADAS_UPLOAD).expect("an id");
            let bytes = Bytes::from_static(IMAGE);
            let upload = uploads.put(UploadKey { owner, id }, ImageKind::Jpeg, bytes);
            upload.await?;
            // A second login of hers, to be seen and ended.
            let session = Session {
                id: SessionId::parse(ADAS_LAPTOP).expect("an id"),
                user_agent: UserAgent::parse("laptop/1.0"),
                ..person.session(now)
            };
            sessions.create(&session, now).await?;
        }
        let session = person.session(now);
        // An event may have rotated it.
        sessions.revoke(session.user, session.id).await?;
        sessions.create(&session, now).await?;
    }
    Ok(())
}

impl Person {
    async fn join(&self, users: &impl UserRepository, user: &User) -> Result<(), SeedError> {
        let id = user.public.id;
        // Events may have changed the password, or deleted the account.
        if let Some(current) = users.find_password(id).await? {
            users.replace_password(id, &current, &HASH).await?;
            return Ok(());
        }
        users.remove_tombstone(id).await?;
        let created = users.create(user, &HASH).await;
        created.map_err(|error| match error {
            InsertUserError::EmailTaken => SeedError::EmailTaken(self.email),
            InsertUserError::Storage(error) => error.into(),
        })
    }

    async fn share(
        &self,
        foods: &impl FoodRepository,
        images: &impl ImageStore,
        food: Food,
    ) -> Result<(), SeedError> {
        let Some(current) = foods.find_consistent(food.id).await? else {
            let created = foods.create(&food).await;
            return created.map_err(|error| match error {
                // Nothing here is an upload.
                InsertFoodError::TitleTaken | InsertFoodError::UploadTaken => {
                    SeedError::TitleTaken(self.title)
                }
                InsertFoodError::Storage(error) => error.into(),
            });
        };
        let food = Food {
            version: current.version + 1,
            created_at: current.created_at,
            ..food
        };
        let updated = foods.update(&current, &food).await;
        updated.map_err(|error| match error {
            ReplaceFoodError::TitleTaken | ReplaceFoodError::UploadTaken => {
                SeedError::TitleTaken(self.title)
            }
            ReplaceFoodError::VersionConflict => SeedError::Changed(self.title),
            ReplaceFoodError::Storage(error) => error.into(),
        })?;
        if current.image != food.image {
            images.delete(&current.rendition_keys()).await?;
        }
        Ok(())
    }

    fn user(&self, now: Timestamp) -> User {
        User {
            public: PublicUser {
                id: UserId::parse(self.id).expect("an id"),
                first_name: UserName::parse(self.first_name).expect("a name"),
                last_name: UserName::parse("Lovelace").expect("a name"),
            },
            email: Email::parse(self.email).expect("an address"),
            created_at: now,
        }
    }

    fn session(&self, now: Timestamp) -> Session {
        Session {
            id: SessionId::parse(self.session).expect("an id"),
            user: UserId::parse(self.id).expect("an id"),
            refresh: RefreshTokenState {
                token: TokenId::parse(REFRESH_TOKEN).expect("an id"),
                issued_at: now,
                expires_at: Timestamp::from_unix_seconds(UNTIL_2100).expect("a moment"),
            },
            previous: None,
            created_at: now,
            user_agent: None,
        }
    }

    fn food(&self, creator: PublicUser, now: Timestamp) -> Food {
        Food {
            id: FoodId::parse(self.food).expect("an id"),
            creator,
            title: Title::parse(self.title).expect("a title"),
            description: Description::sanitize("<p>Smoky</p>").expect("a description"),
            image: Image {
                id: ImageId::parse(self.image).expect("an id"),
                sizes: Sizes::new(vec![SIZE]).expect("sizes"),
            },
            upload: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

/// The same file for both formats: what the fixture shows does not matter.
fn renditions() -> Vec<Rendition> {
    let rendition = |format| Rendition {
        size: SIZE,
        format,
        bytes: Bytes::from_static(IMAGE),
    };
    Format::ALL.map(rendition).into()
}
