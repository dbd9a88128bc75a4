//! Demo data: users, foods in groups of similar taste, and likes that follow the tastes of the users, so that recommendations
//! look as they would after a month of use.

use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use domain::clock::{Clock as _, SystemClock, Timestamp};
use domain::food::{Description, Food, FoodRepository as _, InsertFoodError, Title};
use domain::id::{FoodId, ImageId, UserId};
use domain::image::{ImageRenderer as _, ImageStore as _};
use domain::like::{Like, LikeRepository as _};
use domain::password::{Password, PasswordCheck, PasswordHash, PasswordHasher as _};
use domain::storage::StorageError;
use domain::use_cases::store_image;
use domain::user::{Email, InsertUserError, PublicUser, User, UserName, UserRepository as _};
use functions::dependencies::{Dependencies, Images};
use functions::settings::SettingsError;
use futures_util::future::try_join_all;
use image::{ImageFormat, Rgb, RgbImage};
use infrastructure::argon2::Argon2Hasher;
use infrastructure::dynamodb::{DynamoDbFoods, DynamoDbUsers};
use serde::Deserialize;
use thiserror::Error;

/// The e-mail of the first demo user, printed at start.
pub const EMAIL: &str = "ada@example.com";
/// The password of all demo users. It is not secret.
pub const PASSWORD: &str = "a spoonful of sugar";

/// The demo users joined before, and shared their foods from then to the present.
const PERIOD: Duration = Duration::from_hours(24 * 28);
/// So that the likes are the same in each run.
const SEED: u64 = 7;
/// The sizes of an image, which is small because all images are rendered at the start.
const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

/// Errors of seeding the demo data. Each message ends with a remedy.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The e-mail of a demo user belongs to an account with another password. Field: the e-mail.
    #[error(
        "the account {0} already exists with another password; start without --demo and log in with that \
         password"
    )]
    AccountExists(String),
    /// A setting is missing or invalid.
    #[error("{0}; start without --demo")]
    Settings(#[from] SettingsError),
    /// The database or the image storage failed.
    #[error("{0}; start without --demo")]
    Storage(#[from] StorageError),
}

/// Groups of foods, and users with their tastes, in JSON.
const DEMO: &str = include_str!("demo.json");

#[derive(Deserialize)]
struct Demo<'a> {
    #[serde(borrow)]
    groups: Vec<Group<'a>>,
    #[serde(borrow)]
    users: Vec<DemoUser<'a>>,
}

#[derive(Deserialize)]
struct Group<'a> {
    name: &'a str,
    colour: [u8; 3],
    /// Title and description.
    #[serde(borrow)]
    foods: Vec<(&'a str, &'a str)>,
}

/// E-mail, first name, last name, and the groups that the user likes most, and second most.
#[derive(Deserialize)]
struct DemoUser<'a>(&'a str, &'a str, &'a str, &'a str, &'a str);

/// A created food, and its group.
struct CreatedFood<'a> {
    id: FoodId,
    creator: UserId,
    group: &'a str,
}

/// Creates the missing demo users, foods and likes. Returns `false` if an earlier run has created all.
pub(crate) async fn seed(dependencies: &Dependencies) -> Result<bool, DemoError> {
    let (users, foods) = (dependencies.users()?, dependencies.foods_of_users()?);
    let (likes, images) = (dependencies.likes()?, dependencies.image_pipeline()?);
    let demo: Demo<'_> = serde_json::from_str(DEMO).expect("demo.json is valid");
    let now = SystemClock.now();
    let mut random = fastrand::Rng::with_seed(SEED);

    let hash = Argon2Hasher::default().hash(&Password::unvalidated(PASSWORD));
    let hash = hash.expect("the parameters are valid");
    let (last, others) = demo.users.split_last().expect("there are users");
    // The last user is created last, and has neither foods nor likes.
    if others[0].find(&users).await?.is_some() && last.find(&users).await?.is_some() {
        return Ok(false);
    }
    let mut creators = Vec::new();
    for user in others {
        creators.push(user.find_or_create(&users, &hash, now).await?);
    }
    let created = create_foods(&demo, &creators, &foods, &images, now, &mut random).await?;
    for (user, account) in others.iter().zip(&creators) {
        let mut liked = Vec::new();
        for food in &created {
            let liked_at = time_between(food.id.created_at(), now, &mut random);
            if random.f64() < user.interest(food, now) && food.creator != account.id {
                liked.push(Like { user: account.id, food: food.id, liked_at });
            }
        }
        try_join_all(liked.iter().map(|like| likes.create(like))).await?;
    }
    last.find_or_create(&users, &hash, now).await?;
    Ok(true)
}

/// Creates the foods of all groups in turn, from the begin of the period to the present. The creator likes the group most.
async fn create_foods<'a>(
    demo: &'a Demo<'_>,
    creators: &[PublicUser],
    foods: &DynamoDbFoods,
    images: &Images,
    now: Timestamp,
    random: &mut fastrand::Rng,
) -> Result<Vec<CreatedFood<'a>>, DemoError> {
    let rounds = demo.groups.iter().map(|group| group.foods.len()).max().unwrap_or_default();
    let round = PERIOD / u32::try_from(rounds).unwrap_or(u32::MAX);
    let mut start = begin(now);
    let mut created = Vec::new();
    for nth in 0..rounds {
        let end = start.plus(round);
        let mut round_foods = Vec::new();
        for group in &demo.groups {
            let Some((title, description)) = group.foods.get(nth) else { continue };
            let of_group = demo.users.iter().zip(creators).filter(|(user, _)| user.3 == group.name);
            let of_group: Vec<_> = of_group.map(|(_, account)| account).collect();
            let creator = of_group[nth % of_group.len()];
            let at = time_between(start, end, random);
            let draft = DraftFood { title, description, colour: group.colour, nth, at };
            let food = async move {
                let id = draft.create(creator, foods, images).await?;
                Ok(id.map(|id| CreatedFood { id, creator: creator.id, group: group.name }))
            };
            round_foods.push(food);
        }
        let round_foods: Result<_, DemoError> = try_join_all(round_foods).await;
        created.extend(round_foods?.into_iter().flatten());
        start = end;
    }
    Ok(created)
}

/// The `nth` food of a group, which is created at the time `at`.
struct DraftFood<'a> {
    title: &'a str,
    description: &'a str,
    colour: [u8; 3],
    nth: usize,
    at: Timestamp,
}

impl DraftFood<'_> {
    /// Creates the food. Returns `None` if a user or an interrupted run has created it.
    async fn create(
        &self,
        creator: &PublicUser,
        foods: &DynamoDbFoods,
        images: &Images,
    ) -> Result<Option<FoodId>, DemoError> {
        let (at, id) = (self.at, FoodId::new(self.at));
        let image = images.renderer.render(draw(self.colour, self.nth)).await;
        let image = image.expect("a JPEG is rendered");
        let food = Food {
            id,
            creator: creator.clone(),
            title: Title::parse(self.title).expect("a title"),
            description: Description::sanitize(self.description).expect("a description"),
            image: store_image(&images.store, id, ImageId::new(at), image).await?,
            upload: None,
            created_at: at,
            updated_at: at,
            version: 1,
            likes: 0,
        };
        match foods.create(&food).await {
            Ok(()) => return Ok(Some(id)),
            Err(InsertFoodError::Storage(error)) => return Err(error.into()),
            Err(_) => images.store.delete(&food.rendition_keys()).await?,
        }
        Ok(None)
    }
}

fn begin(now: Timestamp) -> Timestamp {
    let period = i64::try_from(PERIOD.as_millis()).unwrap_or_default();
    Timestamp::from_unix_millis(now.unix_millis() - period).unwrap_or(now)
}

/// Returns a random time, later ones as likely as earlier ones.
fn time_between(start: Timestamp, end: Timestamp, random: &mut fastrand::Rng) -> Timestamp {
    let millis = u64::try_from(end.since(start).as_millis()).unwrap_or_default();
    start.plus(Duration::from_millis(random.u64(..=millis)))
}

impl DemoUser<'_> {
    /// Returns the account; `None` if it does not exist.
    async fn find(&self, users: &DynamoDbUsers) -> Result<Option<PublicUser>, DemoError> {
        let found = users.find_credentials(&self.email()).await?;
        let Some(credentials) = found else { return Ok(None) };
        let password = Password::unvalidated(PASSWORD);
        match Argon2Hasher::default().verify(&password, &credentials.password.hash) {
            PasswordCheck::Invalid => Err(DemoError::AccountExists(self.0.to_owned())),
            PasswordCheck::Valid | PasswordCheck::ValidNeedsRehash => Ok(Some(credentials.user)),
        }
    }

    async fn find_or_create(
        &self,
        users: &DynamoDbUsers,
        hash: &PasswordHash,
        now: Timestamp,
    ) -> Result<PublicUser, DemoError> {
        if let Some(user) = self.find(users).await? {
            return Ok(user);
        }
        let created_at = begin(now);
        let public = PublicUser {
            id: UserId::new(created_at),
            first_name: UserName::parse(self.1).expect("a name"),
            last_name: UserName::parse(self.2).expect("a name"),
        };
        let user = User { public: public.clone(), email: self.email(), created_at };
        users.create(&user, hash).await.map_err(|error| match error {
            InsertUserError::EmailTaken => DemoError::AccountExists(self.0.to_owned()),
            InsertUserError::Storage(error) => error.into(),
        })?;
        Ok(public)
    }

    fn email(&self) -> Email {
        Email::parse(self.0).expect("an e-mail")
    }

    /// Returns the probability that the user likes the food: lower if the food is new.
    fn interest(&self, food: &CreatedFood<'_>, now: Timestamp) -> f64 {
        let taste = match food.group {
            group if group == self.3 => 0.85,
            group if group == self.4 => 0.5,
            _ => 0.03,
        };
        if now.since(food.id.created_at()) < PERIOD / 7 { taste / 4.0 } else { taste }
    }
}

/// Draws the image of the `nth` food of a group as a JPEG: a plate on a table, from above.
fn draw(colour: [u8; 3], nth: usize) -> Bytes {
    const PLATE: [u8; 3] = [244, 241, 235];
    const TABLE: [u8; 3] = [120, 100, 90];
    let lighter = u32::try_from(nth).unwrap_or_default() * 12;
    let image = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let (from_left, from_top) = (x.abs_diff(WIDTH / 2), y.abs_diff(HEIGHT / 2));
        let (colour, lighter) = match from_left * from_left + from_top * from_top {
            0..=4_500 => (colour, lighter),
            4_501..=9_000 => (PLATE, 0),
            _ => (TABLE, 0),
        };
        // Darker towards the bottom right.
        let shade = 255 - (x + y) * 80 / (WIDTH + HEIGHT);
        let part = |part: u8| (u32::from(part) + lighter).min(255) * shade / 255;
        Rgb(colour.map(|value| u8::try_from(part(value)).unwrap_or(u8::MAX)))
    });
    let mut file = Cursor::new(Vec::new());
    let written = image.write_to(&mut file, ImageFormat::Jpeg);
    written.expect("a JPEG is written to memory");
    file.into_inner().into()
}
