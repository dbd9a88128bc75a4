//! Fixtures for the tests of the use cases.

use std::time::Duration;

use super::{
    AuthenticatedUser, CheckSessionError, ImagePipeline, RateLimitPermit, RefreshError,
    authenticate, refresh, verify_access_token,
};
use crate::clock::Clock;
use crate::food::{Food, FoodRepository};
use crate::id::{ImageId, SessionId, UserId};
use crate::image::UploadKey;
use crate::password::PasswordHash;
use crate::rate_limit::{Attempt, Counter, LimitedAction, Limits};
use crate::session::{Session, SessionStore};
use crate::testing::{
    FakeHasher, FakeRenderer, FakeSigner, FixedClock, MemoryActiveSessions, MemoryFoods,
    MemoryImages, MemorySessions, MemoryUploads, MemoryUsers, sample,
};
use crate::token::{Lifetimes, TokenIssuer, TokenPair};
use crate::user::{User, UserRepository};

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

/// Stores for foods and images, at first empty, and a clock.
pub(super) struct FoodFixture {
    pub(super) foods: MemoryFoods,
    pub(super) images: MemoryImagePipeline,
    pub(super) clock: FixedClock,
}

impl FoodFixture {
    pub(super) fn new() -> Self {
        Self {
            foods: MemoryFoods::default(),
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
