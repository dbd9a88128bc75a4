//! The fixtures that the files in `events/` expect, with the ids and secrets of `events/generate.py`: three
//! users with their sessions, three foods and some likes.

use std::sync::LazyLock;

use bytes::Bytes;
use domain::clock::{Clock as _, SystemClock, Timestamp};
use domain::food::{
    Description, Food, FoodCatalog, FoodRepository, InsertFoodError, ReplaceFoodError, Title,
};
use domain::id::{FoodId, ImageId, SessionId, TokenId, UserId};
use domain::image::{Format, Image, ImageKind, ImageStore, Rendition, Size, Sizes, UploadKey};
use domain::like::{Like, LikeRepository};
use domain::neighbours::NeighbourStore;
use domain::password::{Password, PasswordHash, PasswordHasher};
use domain::session::{RefreshTokenState, Session, SessionStore, UserAgent};
use domain::storage::StorageError;
use domain::use_cases::{Change, store_image, update_recommendations};
use domain::user::{Email, InsertUserError, PublicUser, User, UserName, UserRepository};
use engines::TableNames;
use functions::dependencies::Dependencies;
use functions::settings::SettingsError;
use infrastructure::argon2::Argon2Hasher;
use infrastructure::aws::AwsSettings;
use thiserror::Error;

/// The secret that signs the access tokens in `events/`.
pub const ACCESS_SECRET: &str = "the access secret of the events, not for production";
/// The secret that signs the refresh tokens in `events/`.
pub const REFRESH_SECRET: &str = "the refresh secret of the events, not for production";

/// The id of the first user of the fixtures, Ada.
pub const ADA: &str = "01990000-0000-7000-8000-000000000001";
/// The id of the second user of the fixtures, Eve.
pub const EVE: &str = "01990000-0000-7000-8000-000000000002";
/// The id of the third user of the fixtures, Bola, who has no food.
pub const BOLA: &str = "01990000-0000-7000-8000-000000000003";
/// The id of Ada's first session, whose tokens are in `events/`.
pub const ADAS_SESSION: &str = "01990000-0000-7000-8000-00000000a001";
/// The id of Ada's second session, for the events that list and revoke sessions.
pub const ADAS_LAPTOP: &str = "01990000-0000-7000-8000-00000000a005";
/// The id of Ada's food.
pub const JOLLOF: &str = "01990000-0000-7000-8000-00000000f001";
/// The id of Eve's food that Ada and Bola like.
pub const FUFU: &str = "01990000-0000-7000-8000-00000000f002";
/// The id of Eve's food that only Bola likes. It is recommended to Ada because of [`FUFU`].
pub const WAAKYE: &str = "01990000-0000-7000-8000-00000000f003";
/// The id of Ada's upload, which no food uses.
pub const ADAS_UPLOAD: &str = "01990000-0000-7000-8000-00000000d001";

/// The e-mail of the user Ada.
pub const EMAIL: &str = "ada@example.com";
/// The password of the users Ada and Eve. It is not secret.
pub const PASSWORD: &str = "analytical";

const REFRESH_TOKEN: &str = "01990000-0000-7000-8000-00000000b001";
const UNTIL_2100: i64 = 4_102_444_800;
const IMAGE: &[u8] = include_bytes!("../../../events/jollof.jpg");
const SIZE: Size = Size { width: 320, height: 240 };

/// The hash of [`PASSWORD`], computed once because hashing is slow.
static PASSWORD_HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    let hash = Argon2Hasher::default().hash(&Password::unvalidated(PASSWORD));
    hash.expect("the parameters are valid")
});

struct FixtureUser {
    id: &'static str,
    first_name: &'static str,
    email: &'static str,
    session: &'static str,
}

struct FixtureFood {
    id: &'static str,
    owner: &'static str,
    title: &'static str,
    image: &'static str,
}

const USERS: [FixtureUser; 3] = [
    FixtureUser { id: ADA, first_name: "Ada", email: EMAIL, session: ADAS_SESSION },
    FixtureUser {
        id: EVE,
        first_name: "Eve",
        email: "eve@example.com",
        session: "01990000-0000-7000-8000-00000000a002",
    },
    FixtureUser {
        id: BOLA,
        first_name: "Bola",
        email: "bola@example.com",
        session: "01990000-0000-7000-8000-00000000a003",
    },
];

const FOODS: [FixtureFood; 3] = [
    FixtureFood {
        id: JOLLOF,
        owner: ADA,
        title: "Jollof rice",
        image: "01990000-0000-7000-8000-00000000c001",
    },
    FixtureFood {
        id: FUFU,
        owner: EVE,
        title: "Fufu and egusi",
        image: "01990000-0000-7000-8000-00000000c002",
    },
    FixtureFood {
        id: WAAKYE,
        owner: EVE,
        title: "Waakye",
        image: "01990000-0000-7000-8000-00000000c003",
    },
];

/// Users and the foods that they like, oldest like first.
const LIKES: [(&str, &str); 4] = [(BOLA, WAAKYE), (EVE, JOLLOF), (BOLA, FUFU), (ADA, FUFU)];
/// The time of the oldest like. The others follow, one a second.
const FIRST_LIKED_AT: i64 = 1_790_000_000;

/// Errors of seeding the fixtures.
#[derive(Debug, Error)]
pub enum SeedError {
    /// A setting is missing or invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Another account already has this e-mail of a fixture user.
    #[error("{0} belongs to another account")]
    EmailTaken(&'static str),
    /// Another food already has this title of a fixture food.
    #[error("another food has the title {0:?}")]
    TitleTaken(&'static str),
    /// The food with this title was modified concurrently.
    #[error("the food {0:?} was modified concurrently")]
    VersionConflict(&'static str),
    /// The database or the image storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Returns the settings, as pairs of name and value, of functions that use the fixtures in these tables and buckets.
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
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint(&aws.dynamodb_endpoint)),
        ("AWS_ENDPOINT_URL_S3", endpoint(&aws.s3_endpoint)),
        ("USERS_TABLE", tables.users),
        ("FOODS_TABLE", tables.foods),
        ("SESSIONS_TABLE", tables.sessions),
        ("LIKES_TABLE", tables.likes),
        ("IMAGES_BUCKET", images),
        ("UPLOADS_BUCKET", uploads),
        ("IMAGE_BASE_URL", "https://images.food.example".to_owned()),
        ("ACCESS_SECRET", ACCESS_SECRET.to_owned()),
        ("REFRESH_SECRET", REFRESH_SECRET.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Creates or restores the fixtures: accounts with their passwords, foods with their titles and images,
/// open sessions, an upload, and likes with what is derived from them. Other data is not changed.
pub async fn seed(dependencies: &Dependencies) -> Result<(), SeedError> {
    let (users, foods) = (dependencies.users()?, dependencies.foods()?);
    let (images, uploads) = (dependencies.images()?, dependencies.uploads()?);
    let now = SystemClock.now();
    for fixture in &USERS {
        let user = fixture.user(now);
        fixture.seed_user(&users, &user).await?;
        let owner = user.public.id;
        for fixture in FOODS.iter().filter(|food| food.owner == fixture.id) {
            let food = fixture.food(user.public.clone(), now);
            store_image(&images, food.id, food.image.id, renditions()).await?;
            fixture.seed_food(&foods, &images, food).await?;
        }
        if fixture.id == ADA {
            let id = ImageId::parse(ADAS_UPLOAD).expect("an id");
            let bytes = Bytes::from_static(IMAGE);
            let upload = uploads.put(UploadKey { owner, id }, ImageKind::Jpeg, bytes);
            upload.await?;
        }
    }
    seed_sessions(dependencies).await?;
    seed_likes(&dependencies.likes()?, &foods).await
}

/// Creates or restores the sessions of the fixture users, whose accounts exist.
pub async fn seed_sessions(dependencies: &Dependencies) -> Result<(), SeedError> {
    let (users, sessions) = (dependencies.users()?, dependencies.sessions()?);
    let now = SystemClock.now();
    for fixture in &USERS {
        let stored = users.find_password(UserId::parse(fixture.id).expect("an id")).await?;
        let version = stored.map_or(0, |password| password.credentials_version);
        let session = fixture.session(version, now);
        if fixture.id == ADA {
            // To be listed and revoked.
            let session = Session {
                id: SessionId::parse(ADAS_LAPTOP).expect("an id"),
                user_agent: UserAgent::parse("laptop/1.0"),
                ..session.clone()
            };
            sessions.create(&session, now).await?;
        }
        // An event may have rotated its refresh token.
        sessions.revoke(session.user, session.id).await?;
        sessions.create(&session, now).await?;
    }
    Ok(())
}

/// Creates or restores the likes of the fixture users, and what is derived from them.
async fn seed_likes(
    likes: &(impl LikeRepository + NeighbourStore),
    foods: &impl FoodCatalog,
) -> Result<(), SeedError> {
    let mut expected = Vec::new();
    for ((user, food), second) in LIKES.into_iter().zip(FIRST_LIKED_AT..) {
        expected.push(Like {
            user: UserId::parse(user).expect("an id"),
            food: FoodId::parse(food).expect("an id"),
            liked_at: Timestamp::from_unix_seconds(second).expect("a timestamp"),
        });
    }
    for user in USERS {
        let user = UserId::parse(user.id).expect("an id");
        for like in likes.newest_likes(user, 100).await? {
            if !expected.contains(&like) {
                likes.delete(like.user, like.food).await?;
            }
        }
    }
    for like in &expected {
        likes.create(like).await?;
    }
    let change = |like: &Like| Change::Like { user: like.user, food: like.food };
    let changes: Vec<_> = expected.iter().map(change).collect();
    let report = update_recommendations(likes, likes, foods, &SystemClock, &changes).await;
    report.errors.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
}

impl FixtureUser {
    /// Creates or restores an account.
    async fn seed_user(&self, users: &impl UserRepository, user: &User) -> Result<(), SeedError> {
        let id = user.public.id;
        // Events may have changed the password or deleted the account.
        if let Some(current) = users.find_password(id).await? {
            users.replace_password(id, &current.hash, &PASSWORD_HASH).await?;
            return Ok(());
        }
        users.remove_tombstone(id).await?;
        let created = users.create(user, &PASSWORD_HASH).await;
        created.map_err(|error| match error {
            InsertUserError::EmailTaken => SeedError::EmailTaken(self.email),
            InsertUserError::Storage(error) => error.into(),
        })
    }

    fn user(&self, now: Timestamp) -> User {
        User {
            public: PublicUser {
                id: UserId::parse(self.id).expect("an id"),
                first_name: UserName::parse(self.first_name).expect("a name"),
                last_name: UserName::parse("Lovelace").expect("a name"),
            },
            email: Email::parse(self.email).expect("an e-mail"),
            created_at: now,
        }
    }

    fn session(&self, credentials_version: u64, now: Timestamp) -> Session {
        Session {
            id: SessionId::parse(self.session).expect("an id"),
            user: UserId::parse(self.id).expect("an id"),
            credentials_version,
            refresh: RefreshTokenState {
                token: TokenId::parse(REFRESH_TOKEN).expect("an id"),
                issued_at: now,
                expires_at: Timestamp::from_unix_seconds(UNTIL_2100).expect("a timestamp"),
            },
            previous: None,
            created_at: now,
            user_agent: None,
        }
    }
}

impl FixtureFood {
    async fn seed_food(
        &self,
        foods: &impl FoodRepository,
        images: &impl ImageStore,
        food: Food,
    ) -> Result<(), SeedError> {
        let Some(current) = foods.find_consistent(food.id).await? else {
            let created = foods.create(&food).await;
            return created.map_err(|error| match error {
                // The image is not an upload.
                InsertFoodError::TitleTaken | InsertFoodError::UploadTaken => {
                    SeedError::TitleTaken(self.title)
                }
                // The account has just been seeded.
                InsertFoodError::CreatorGone => SeedError::VersionConflict(self.title),
                InsertFoodError::Storage(error) => error.into(),
            });
        };
        let food = Food { version: current.version + 1, created_at: current.created_at, ..food };
        let updated = foods.update(&current, &food).await;
        updated.map_err(|error| match error {
            ReplaceFoodError::TitleTaken | ReplaceFoodError::UploadTaken => {
                SeedError::TitleTaken(self.title)
            }
            ReplaceFoodError::VersionConflict => SeedError::VersionConflict(self.title),
            ReplaceFoodError::Storage(error) => error.into(),
        })?;
        if current.image != food.image {
            images.delete(&current.rendition_keys()).await?;
        }
        Ok(())
    }

    fn food(&self, creator: PublicUser, now: Timestamp) -> Food {
        Food {
            id: FoodId::parse(self.id).expect("an id"),
            creator,
            title: Title::parse(self.title).expect("a title"),
            description: Description::sanitize("<p>Smoky</p>").expect("a description"),
            image: Image {
                id: ImageId::parse(self.image).expect("an id"),
                sizes: Sizes::new(vec![SIZE]).expect("sizes"),
            },
            upload: None,
            likes: 0,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

/// Returns one rendition for each format, all with the same bytes, because the content of the images does not matter.
fn renditions() -> Vec<Rendition> {
    let rendition = |format| Rendition { size: SIZE, format, bytes: Bytes::from_static(IMAGE) };
    Format::ALL.map(rendition).into()
}
