//! The scene that the files in `events/` expect: see `events/generate.py`.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use domain::clock::{Clock as _, SystemClock, Timestamp};
use domain::food::{Description, Food, Title};
use domain::id::{FoodId, SessionId, TokenId, UserId};
use domain::image::{ImageKey, ImageKind};
use domain::password::{Password, PasswordHash, PasswordHasher as _};
use domain::repository::{FoodRepository as _, UserRepository as _};
use domain::session::{RefreshGrant, Session};
use domain::store::SessionStore as _;
use domain::user::{Email, PublicUser, User, UserName};
use engines::shared::Engines;
use functions::settings::Settings;
use functions::setup::Setup;
use infrastructure::argon2::Argon2Hasher;

pub(crate) const ADA: &str = "01990000-0000-7000-8000-000000000001";
pub(crate) const EVE: &str = "01990000-0000-7000-8000-000000000002";
pub(crate) const JOLLOF: &str = "01990000-0000-7000-8000-00000000f001";
pub(crate) const FUFU: &str = "01990000-0000-7000-8000-00000000f002";
const ADAS_SESSION: &str = "01990000-0000-7000-8000-00000000a001";
const EVES_SESSION: &str = "01990000-0000-7000-8000-00000000a002";
const ADAS_REFRESH: &str = "01990000-0000-7000-8000-00000000b001";
const UNTIL_2100: i64 = 4_102_444_800;

/// Of Ada's and of Eve's password.
static HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    let hash = Argon2Hasher.hash(&Password::presented("analytical"));
    hash.expect("hashed")
});

/// Two users, their foods and sessions, in tables of their own.
pub(crate) struct Scene {
    pub(crate) settings: Vec<(String, String)>,
    _engines: Arc<Engines>,
}

/// The names of the settings that a function reads, with the values of the scene.
fn settings(
    aws: &infrastructure::aws::AwsSettings,
    tables: engines::TableNames,
    bucket: String,
) -> Vec<(String, String)> {
    let endpoint = |url: &Option<String>| url.clone().expect("an engine");
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
        ("IMAGES_BUCKET", bucket),
        ("IMAGE_BASE_URL", "https://images.food.example".to_owned()),
        (
            "ACCESS_SECRET",
            "the access secret of the events, not for production".to_owned(),
        ),
        (
            "REFRESH_SECRET",
            "the refresh secret of the events, not for production".to_owned(),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let engines = Engines::shared();
        let tables = engines.tables().await;
        let bucket = engines.bucket().await;
        let settings = settings(&engines.settings(), tables, bucket);
        let setup = Setup::new(Settings::new(settings.clone())).expect("the settings are right");
        let now = SystemClock.now();

        let users = setup.users().expect("the settings are right");
        let foods = setup.foods().expect("the settings are right");
        let sessions = setup.sessions().expect("the settings are right");
        for (user, name, session, food, title) in [
            (ADA, "Ada", ADAS_SESSION, JOLLOF, "Jollof rice"),
            (EVE, "Eve", EVES_SESSION, FUFU, "Fufu and egusi"),
        ] {
            let user = user_named(user, name, now);
            users.create(&user, &HASH).await.expect("created");
            let session = session_until_2100(user.public.id, session, now);
            sessions.create(&session, now).await.expect("created");
            let food = food_of(user.public, food, title, now);
            foods.create(&food).await.expect("created");
        }
        Self {
            settings,
            _engines: engines,
        }
    }
}

fn user_named(id: &str, name: &str, now: Timestamp) -> User {
    User {
        public: PublicUser {
            id: UserId::parse(id).expect("an id"),
            first_name: UserName::parse(name).expect("a name"),
            last_name: UserName::parse("Lovelace").expect("a name"),
        },
        email: Email::parse(&format!("{name}@example.com")).expect("an address"),
        created_at: now,
    }
}

fn session_until_2100(user: UserId, id: &str, now: Timestamp) -> Session {
    Session {
        id: SessionId::parse(id).expect("an id"),
        user,
        refresh: RefreshGrant {
            token: TokenId::parse(ADAS_REFRESH).expect("an id"),
            issued_at: now,
            expires_at: Timestamp::from_unix_seconds(UNTIL_2100).expect("a moment"),
        },
        previous: None,
        created_at: now,
        user_agent: None,
    }
}

fn food_of(creator: PublicUser, id: &str, title: &str, now: Timestamp) -> Food {
    let id = FoodId::parse(id).expect("an id");
    Food {
        id,
        creator,
        title: Title::parse(title).expect("a title"),
        description: Description::sanitize("<p>Smoky</p>").expect("a description"),
        image: ImageKey::new(id, ImageKind::Jpeg, now),
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// The folder of the event files.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"))
}

/// An event file, by its name without `.json`.
pub(crate) fn event(name: &str) -> String {
    let path = folder().join(format!("{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
