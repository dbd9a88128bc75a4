//! Fixtures for the tests of the use cases.

use std::sync::Mutex;
use std::time::Duration;

use super::{
    AuthenticatedUser, Change, CheckSessionError, ImagePipeline, LikeStatus, RateLimitPermit,
    RefreshError, Rewrite, TrainingReport, authenticate, like_food, refresh, train_recommendations,
    unlike_food, update_recommendations, verify_access_token,
};
use crate::clock::Clock;
use crate::food::{Food, FoodRepository};
use crate::id::{FoodId, ImageId, SessionId, UserId};
use crate::image::UploadKey;
use crate::like::{LikeRepository as _, Profile};
use crate::neighbours::NeighbourStore as _;
use crate::password::PasswordHash;
use crate::rate_limit::{Attempt, Counter, LimitedAction, Limits};
use crate::session::{Session, SessionStore};
use crate::testing::{
    FakeHasher, FakeRenderer, FakeSigner, FixedClock, MemoryActiveSessions, MemoryFoods,
    MemoryImages, MemoryLikes, MemorySessions, MemoryUploads, MemoryUsers, sample,
};
use crate::token::{Lifetimes, TokenIssuer, TokenPair};
use crate::user::{PublicUser, User, UserRepository};

/// An image pipeline in memory.
pub(super) type MemoryImagePipeline = ImagePipeline<MemoryImages, MemoryUploads, FakeRenderer>;

/// Returns an empty image pipeline that accepts images of at most 1,000 bytes.
pub(super) fn image_pipeline() -> MemoryImagePipeline {
    ImagePipeline {
        store: MemoryImages::default(),
        uploads: MemoryUploads::default(),
        renderer: FakeRenderer,
        max_bytes: 1_000,
    }
}

/// Stores for foods, likes and images, at first empty, and a clock.
pub(super) struct FoodFixture {
    pub(super) foods: MemoryFoods,
    pub(super) likes: MemoryLikes,
    pub(super) images: MemoryImagePipeline,
    pub(super) clock: FixedClock,
}

impl FoodFixture {
    pub(super) fn new() -> Self {
        Self {
            foods: MemoryFoods::default(),
            likes: MemoryLikes::default(),
            images: image_pipeline(),
            clock: FixedClock::default(),
        }
    }

    /// Stores a sample food with its image; returns the food.
    pub(super) async fn add(&self) -> Food {
        let food = sample::food(&sample::public_user(sample::timestamp()));
        self.foods.create(&food).await.unwrap();
        self.images.store.put_image_of(&food);
        food
    }

    /// Stores an upload of the user; returns its id.
    pub(super) fn upload(&self, owner: UserId) -> ImageId {
        let id = ImageId::new(sample::timestamp());
        let key = UploadKey { owner, id };
        self.images.uploads.put(key, sample::IMAGE);
        id
    }

    /// Increments the version of the stored food, as a concurrent update does.
    pub(super) async fn touch(&self, food: &Food) {
        let current = self.stored(food).await.unwrap();
        let changed = Food { version: current.version + 1, ..current.clone() };
        self.foods.update(&current, &changed).await.unwrap();
    }

    pub(super) async fn stored(&self, food: &Food) -> Option<Food> {
        self.foods.find_consistent(food.id).await.unwrap()
    }

    pub(super) fn has_image_of(&self, food: &Food) -> bool {
        self.images.store.has_image_of(food)
    }
}

/// Returns an authenticated user with a new session id.
pub(super) fn authenticated_user(id: UserId) -> AuthenticatedUser {
    let session = SessionId::new(sample::timestamp());
    AuthenticatedUser { id, session, credentials_version: 0 }
}

/// Returns a permit for an attempt that was counted once; the limit is three attempts per account.
pub(super) fn rate_limit_permit() -> RateLimitPermit {
    let limits = Limits { per_account: 3, per_ip: 100, window: Duration::from_mins(15) };
    let counter = Counter::per_account(LimitedAction::SignUp, "ada", &limits, sample::timestamp());
    RateLimitPermit {
        counters: [counter.clone(), counter],
        limits,
        retry_after: limits.window,
        attempt: Attempt::Pending,
    }
}

/// Stores for users and sessions, at first empty, a clock, and fakes that hash passwords and sign tokens.
pub(super) struct AuthFixture {
    pub(super) users: MemoryUsers,
    pub(super) hasher: FakeHasher,
    pub(super) sessions: MemorySessions,
    pub(super) clock: FixedClock,
    pub(super) tokens: TokenIssuer<FakeSigner>,
}

impl AuthFixture {
    /// Creates empty stores. Access tokens expire after 15 minutes, unused sessions after 7 days, others after 90.
    pub(super) fn new() -> Self {
        Self {
            users: MemoryUsers::default(),
            hasher: FakeHasher::default(),
            sessions: MemorySessions::default(),
            clock: FixedClock::default(),
            tokens: TokenIssuer {
                access: FakeSigner("access"),
                refresh: FakeSigner("refresh"),
                lifetimes: Lifetimes {
                    access: Duration::from_mins(15),
                    refresh: Duration::from_hours(7 * 24),
                    session: Duration::from_hours(90 * 24),
                },
            },
        }
    }

    /// Stores a sample user with this password hash; returns the user.
    pub(super) async fn add_user(&self, hash: &str) -> User {
        let (user, hash) = (sample::user(), PasswordHash::new(hash.to_owned()));
        self.users.create(&user, &hash).await.unwrap();
        user
    }

    pub(super) fn hash_of(&self, user: UserId) -> String {
        let hash = self.users.password_of(user).unwrap();
        hash.as_str().to_owned()
    }

    pub(super) async fn log_in(&self, user: UserId) -> (Session, TokenPair) {
        let now = self.clock.now();
        let version = self.users.find_credentials_version(user).await.unwrap();
        let lifetime = self.tokens.lifetimes.refresh;
        let session = Session::begin(user, version.unwrap_or_default(), now, lifetime, None);
        self.sessions.create(&session, now).await.unwrap();
        let pair = self.tokens.issue(&session, now).unwrap();
        (session, pair)
    }

    /// Creates a user and logs in.
    pub(super) async fn log_in_new_user(&self) -> (Session, TokenPair) {
        self.log_in(self.add_user("a hash").await.public.id).await
    }

    pub(super) async fn authenticate(
        &self,
        token: &str,
    ) -> Result<AuthenticatedUser, CheckSessionError> {
        let identity = verify_access_token(&self.tokens.access, &self.clock, token)?;
        authenticate(&self.active(), identity).await
    }

    pub(super) async fn refresh(&self, token: &str) -> Result<TokenPair, RefreshError> {
        refresh(&self.users, &self.sessions, &self.tokens, &self.clock, token).await
    }

    /// Returns the sessions with their users.
    pub(super) fn active(&self) -> MemoryActiveSessions<'_> {
        MemoryActiveSessions { users: &self.users, sessions: &self.sessions }
    }
}

/// Returns a new user with a session.
pub(super) fn new_user() -> AuthenticatedUser {
    authenticated_user(UserId::new(sample::timestamp()))
}

/// Stores for foods and likes, at first empty, and a clock.
pub(super) struct LikeFixture {
    pub(super) foods: MemoryFoods,
    pub(super) likes: MemoryLikes,
    pub(super) clock: FixedClock,
    new_foods: Mutex<Vec<FoodId>>,
}

impl LikeFixture {
    pub(super) fn new() -> Self {
        Self {
            foods: MemoryFoods::default(),
            likes: MemoryLikes::default(),
            clock: FixedClock::default(),
            new_foods: Mutex::default(),
        }
    }

    /// Stores a sample food of a new user.
    pub(super) async fn add_food(&self) -> Food {
        self.add_food_of(new_user().id).await
    }

    /// Stores a sample food of the user.
    pub(super) async fn add_food_of(&self, user: UserId) -> Food {
        let creator = PublicUser { id: user, ..sample::public_user(sample::timestamp()) };
        let food = sample::food(&creator);
        self.foods.create(&food).await.unwrap();
        self.new_foods.lock().unwrap().push(food.id);
        food
    }

    pub(super) async fn delete_food(&self, id: FoodId) {
        let food = self.foods.find_consistent(id).await.unwrap().unwrap();
        self.foods.delete(&food).await.unwrap();
        self.new_foods.lock().unwrap().push(id);
    }

    /// Likes the food, a millisecond after the like before.
    pub(super) async fn like(&self, user: AuthenticatedUser, food: &Food) -> LikeStatus {
        self.clock.advance(Duration::from_millis(1));
        like_food(&self.likes, &self.clock, user, Some(food)).await.unwrap()
    }

    /// Returns the changes since the last call, as streams deliver them.
    pub(super) fn changes(&self) -> Vec<Change> {
        let foods = std::mem::take(&mut *self.new_foods.lock().unwrap());
        let likes = self.likes.take_changes();
        let likes = likes.into_iter().map(|(user, food)| Change::Like { user, food });
        foods.into_iter().map(Change::Food).chain(likes).collect()
    }

    /// Delivers changes in batches of 100.
    pub(super) async fn deliver(&self, changes: &[Change]) {
        for batch in changes.chunks(100) {
            let (likes, foods) = (&self.likes, &self.foods);
            let report = update_recommendations(likes, likes, foods, &self.clock, batch).await;
            assert!(report.failed.is_empty(), "{:?}", report.errors);
        }
    }

    /// Delivers all changes, and those that these cause.
    pub(super) async fn update(&self) {
        loop {
            let changes = self.changes();
            if changes.is_empty() {
                return;
            }
            self.deliver(&changes).await;
        }
    }

    pub(super) async fn train(&self) -> TrainingReport {
        let (likes, foods) = (&self.likes, &self.foods);
        let trained = train_recommendations(likes, likes, foods, &self.clock, Rewrite::All);
        trained.await.unwrap()
    }
}

/// Replays likes, removed likes and deleted foods, delivers the changes as `deliver` leaves them, and trains. Returns whether
/// all profiles and the deletion were right before the training, and all data that is derived from the likes after it.
pub(super) async fn replay(deliver: &mut impl FnMut(&mut Vec<Change>)) -> (bool, Vec<String>) {
    let (fixture, mut random) = (LikeFixture::new(), sample::Random::new(7));
    let id = |kind: u8, nth: u8| {
        let mut id = [kind; 16];
        id[15] = nth;
        id
    };
    let users: Vec<_> =
        (0..40).map(|nth| authenticated_user(UserId::from_bytes(id(1, nth)))).collect();
    let mut foods = Vec::new();
    for nth in 0..30 {
        let food = sample::food(&sample::public_user(sample::timestamp()));
        let food = Food { id: FoodId::from_bytes(id(2, nth)), ..food };
        fixture.foods.create(&food).await.unwrap();
        foods.push(food);
    }
    for nth in 0..2_000 {
        let user = random.below(users.len());
        // Users like every third food more than others.
        let food = (random.below(5) * 6 + user % 3 * 2 + random.below(8)) % foods.len();
        if random.below(4) > 0 {
            fixture.like(users[user], &foods[food]).await;
        } else {
            unlike_food(&fixture.likes, users[user], Some(&foods[food])).await.unwrap();
        }
        if nth == 1_500 {
            fixture.delete_food(foods[3].id).await;
        }
        if nth % 50 == 49 {
            let mut changes = fixture.changes();
            deliver(&mut changes);
            fixture.deliver(&changes).await;
        }
    }
    let mut is_right = fixture.likes.find(&[foods[3].id]).await.unwrap().is_empty();
    for user in &users {
        let liked = fixture.likes.newest_likes(user.id, Profile::MAX).await.unwrap();
        let profiles = fixture.likes.find_profiles(&[user.id]).await.unwrap();
        let entries = profiles.iter().flat_map(|(_, stored)| stored.value.entries());
        is_right &= entries.map(|entry| entry.food).eq(liked.iter().map(|like| like.food));
    }
    fixture.train().await;
    (is_right, fixture.likes.derived())
}
