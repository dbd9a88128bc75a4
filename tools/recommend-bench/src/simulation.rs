//! The real use cases over memory adapters: users sign up and like foods, streams deliver, training runs, users ask for
//! recommendations.

use std::collections::HashMap;
use std::time::Duration;

use domain::clock::Timestamp;
use domain::food::{Description, Food, FoodRepository, Title};
use domain::id::{FoodId, ImageId, UserId};
use domain::neighbours::{Model, NeighbourStore};
use domain::password::PasswordHash;
use domain::session::{Session, SessionStore};
use domain::testing::{
    FakeSigner, FixedClock, MemoryActiveSessions, MemorySessions, MemoryUsers, sample,
};
use domain::token::{Lifetimes, TokenIssuer};
use domain::use_cases::{
    AuthenticatedUser, Change, Rewrite, TrainingReport, authenticate, like_food, recommend,
    train_recommendations, update_recommendations, verify_access_token,
};
use domain::user::{PublicUser, User, UserRepository};

use crate::data::Rating;
use crate::metered::{Metered, Units};

/// What the stream functions did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StreamCost {
    pub(crate) likes: usize,
    /// The number of likes that were delivered at once.
    pub(crate) batch: usize,
    pub(crate) computed: u64,
    pub(crate) units: Units,
    /// The most expensive batch, per like.
    pub(crate) largest: Units,
}

impl StreamCost {
    #[expect(clippy::cast_precision_loss, reason = "no count is that large")]
    pub(crate) fn lists_per_like(&self) -> f64 {
        self.computed as f64 / self.likes as f64
    }
}

pub(crate) struct Simulation {
    users: MemoryUsers,
    sessions: MemorySessions,
    pub(crate) stores: Metered,
    clock: FixedClock,
    members: HashMap<u32, (UserId, AuthenticatedUser)>,
    foods: HashMap<u32, Food>,
    pub(crate) numbers: HashMap<FoodId, u32>,
}

/// Returns an id that is the same in each run.
fn id(kind: &str, number: u32, created_at: i64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&created_at.to_be_bytes()[2..]);
    for (nth, chunk) in id[6..].chunks_mut(4).enumerate() {
        let hash = crc32fast::hash(format!("{kind} {number} {nth}").as_bytes());
        chunk.copy_from_slice(&hash.to_be_bytes()[..chunk.len()]);
    }
    id
}

impl Simulation {
    /// Signs up all users and creates all foods, in the order of their numbers, a year before the first like. Each food has
    /// its own creator.
    pub(crate) async fn new(ratings: &[Rating], others: impl Iterator<Item = u32>) -> Self {
        let start = ratings.iter().map(|rating| rating.millis).min().unwrap_or_default();
        let start = start - 365 * 24 * 3_600_000;
        let clock = FixedClock::at(Timestamp::from_unix_millis(start).expect("a timestamp"));
        let mut simulation = Self {
            users: MemoryUsers::default(),
            sessions: MemorySessions::default(),
            stores: Metered::default(),
            clock,
            members: HashMap::new(),
            foods: HashMap::new(),
            numbers: HashMap::new(),
        };
        let creator = sample::public_user(sample::timestamp());
        let mut users: Vec<_> = ratings.iter().map(|rating| rating.user).chain(others).collect();
        users.sort_unstable();
        users.dedup();
        for user in users {
            simulation.sign_up(user, start).await;
        }
        let mut foods: Vec<_> = ratings.iter().map(|rating| rating.food).collect();
        foods.sort_unstable();
        foods.dedup();
        for number in foods {
            let food = Food {
                id: FoodId::from_bytes(id("food", number, start + i64::from(number))),
                creator: PublicUser {
                    id: UserId::from_bytes(id("creator", number, start)),
                    ..creator.clone()
                },
                title: Title::parse(&format!("Food {number}")).expect("a title"),
                description: Description::from_trusted("Food").expect("a description"),
                image: domain::image::Image { id: ImageId::from_bytes([0; 16]), ..sample::image() },
                ..sample::food(&creator)
            };
            simulation.numbers.insert(food.id, number);
            simulation.foods.insert(number, food);
        }
        // Ids sort as foods are created, and the repository checks titles one by one.
        for food in simulation.foods.values() {
            simulation.stores.foods.create(food).await.expect("created");
        }
        simulation
    }

    async fn sign_up(&mut self, number: u32, now: i64) {
        let public = PublicUser {
            id: UserId::from_bytes(id("user", number, now)),
            ..sample::public_user(sample::timestamp())
        };
        let user = User { public, ..sample::user() };
        let hash = PasswordHash::new(String::new());
        self.users.create(&user, &hash).await.expect("created");
        let now = sample::timestamp();
        let day = Duration::from_hours(24);
        let session = Session::begin(user.public.id, 0, now, day, None);
        self.sessions.create(&session, now).await.expect("created");
        let tokens = TokenIssuer {
            access: FakeSigner("access"),
            refresh: FakeSigner("refresh"),
            lifetimes: Lifetimes { access: day, refresh: day, session: day },
        };
        let pair = tokens.issue(&session, now).expect("signed");
        let identity = verify_access_token(&tokens.access, &FixedClock::at(now), &pair.access);
        let active = MemoryActiveSessions { users: &self.users, sessions: &self.sessions };
        let member = authenticate(&active, identity.expect("a valid token")).await;
        let member = member.expect("an active session");
        self.members.insert(number, (user.public.id, member));
    }

    /// Likes foods in order of time, and delivers the changes in batches.
    pub(crate) async fn replay(&mut self, ratings: &[Rating], batch: usize) -> StreamCost {
        let mut cost = StreamCost { batch, ..StreamCost::default() };
        let mut shown = Vec::new();
        for batch in ratings.chunks(batch) {
            for rating in batch {
                self.clock = FixedClock::at(
                    Timestamp::from_unix_millis(rating.millis).expect("a timestamp"),
                );
                let (user, food) = (self.members[&rating.user].1, &self.foods[&rating.food]);
                let liked = like_food(&self.stores, &self.clock, user, Some(food)).await;
                liked.expect("liked");
            }
            self.stores.take_units();
            let likes = self.stores.likes.take_changes();
            let likes = likes.into_iter().map(|(user, food)| Change::Like { user, food });
            let changes: Vec<_> = likes.chain(shown.drain(..)).collect();
            let stores = &self.stores;
            stores.set_update(true);
            let report =
                update_recommendations(stores, stores, stores, &self.clock, &changes).await;
            assert!(report.failed.is_empty(), "{:?}", report.errors);
            stores.set_update(false);
            let units = stores.take_units();
            cost.likes += batch.len();
            cost.computed += report.computed;
            cost.units = cost.units.plus(units);
            cost.largest = cost.largest.max(units.divided_by(batch.len()));
            shown.extend(stores.take_changes().into_iter().map(Change::Food));
        }
        cost
    }

    pub(crate) async fn train(&self) -> TrainingReport {
        let stores = &self.stores;
        let trained = train_recommendations(stores, stores, stores, &self.clock, Rewrite::All);
        trained.await.expect("trained")
    }

    pub(crate) async fn model(&self) -> Model {
        self.stores.find_top().await.expect("the parameters").0
    }

    pub(crate) async fn set_model(&self, model: &Model) {
        self.stores.write_model(model).await.expect("written");
    }

    /// Returns the recommended foods.
    pub(crate) async fn recommend(&self, user: u32) -> Vec<u32> {
        let user = Some(self.members[&user].0);
        let stores = &self.stores;
        let found = recommend(stores, stores, stores, &self.clock, user).await;
        let found = found.expect("recommendations").into_iter();
        found.map(|found| self.numbers[&found.food.id]).collect()
    }
}
