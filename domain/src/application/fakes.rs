//! Ports that misbehave, for the tests of the use cases.

use std::time::Duration;

use super::{Admitted, AuthenticateError, SignedIn, authenticate, identify};
use crate::attempt::{AttemptStore, Attempted, Counter, Limits};
use crate::clock::{Clock, Timestamp};
use crate::food::{Food, FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError};
use crate::id::{FoodId, SessionId, TokenId, UserId};
use crate::image::{Image, ImageKey, ImageStore, StoredImage, Variants};
use crate::page::{Page, PageRequest};
use crate::password::{HashError, Password, PasswordHash, PasswordHasher, Verdict};
use crate::session::{RefreshGrant, Rotation, Session, SessionStore};
use crate::storage::StorageError;
use crate::testing::{MemoryFoods, PlainSigner, sample};
use crate::token::{Claims, Lifetimes, SignError, TokenError, TokenIssuer, TokenSigner};
use crate::user::{Credentials, Email, InsertUserError, Left, PublicUser, User, UserRepository};

/// A store that cannot be reached.
pub(super) fn unavailable() -> StorageError {
    StorageError::Unavailable("the test says so".into())
}

/// Tokens of 15 minutes and sessions of 7 days.
pub(super) fn issuer() -> TokenIssuer<PlainSigner> {
    TokenIssuer {
        access: PlainSigner("access"),
        refresh: PlainSigner("refresh"),
        lifetimes: Lifetimes {
            access: Duration::from_mins(15),
            refresh: Duration::from_hours(7 * 24),
        },
    }
}

/// Checks the token, then the session.
pub(super) async fn by_token(
    sessions: &impl SessionStore,
    access: &impl TokenSigner,
    clock: &impl Clock,
    token: &str,
) -> Result<SignedIn, AuthenticateError> {
    let caller = identify(access, clock, token)?;
    authenticate(sessions, caller).await
}

/// This user, by some login.
pub(super) fn signed_in(user: UserId) -> SignedIn {
    SignedIn {
        user,
        session: SessionId::new(sample::moment()),
    }
}

/// An attempt that was let through.
pub(super) fn admitted() -> Admitted {
    let limits = Limits {
        per_account: 1,
        per_address: 1,
        window: Duration::from_mins(15),
    };
    let counter = Counter::of_account(Attempted::SignUp, "ada", &limits, sample::moment());
    Admitted {
        counters: [counter.clone(), counter],
        limits: Limits {
            per_account: 3,
            per_address: 100,
            window: Duration::from_mins(15),
        },
        ends_in: Duration::from_mins(15),
    }
}

/// Every port, out of order. As a hasher it finds every password right and outdated, and can make
/// no new hash; as a signer it accepts nothing.
#[derive(Debug, Clone)]
pub(super) struct Down;

impl UserRepository for Down {
    async fn create(&self, _: &User, _: &PasswordHash) -> Result<(), InsertUserError> {
        Err(unavailable().into())
    }

    async fn find(&self, _: UserId) -> Result<Option<PublicUser>, StorageError> {
        Err(unavailable())
    }

    async fn find_latest(&self, _: UserId) -> Result<Option<PublicUser>, StorageError> {
        Err(unavailable())
    }

    async fn find_credentials(&self, _: &Email) -> Result<Option<Credentials>, StorageError> {
        Err(unavailable())
    }

    async fn find_password(&self, _: UserId) -> Result<Option<PasswordHash>, StorageError> {
        Err(unavailable())
    }

    async fn list(&self, _: PageRequest<UserId>) -> Result<Page<PublicUser>, StorageError> {
        Err(unavailable())
    }

    async fn replace_password(
        &self,
        _: UserId,
        _: &PasswordHash,
        _: &PasswordHash,
    ) -> Result<bool, StorageError> {
        Err(unavailable())
    }

    async fn delete(&self, _: UserId, _: Timestamp) -> Result<(), StorageError> {
        Err(unavailable())
    }

    async fn list_left(&self, _: PageRequest<UserId>) -> Result<Page<Left>, StorageError> {
        Err(unavailable())
    }

    async fn forget_left(&self, _: UserId) -> Result<(), StorageError> {
        Err(unavailable())
    }
}

impl FoodRepository for Down {
    async fn create(&self, _: &Food) -> Result<(), InsertFoodError> {
        Err(unavailable().into())
    }

    async fn find(&self, _: FoodId) -> Result<Option<Food>, StorageError> {
        Err(unavailable())
    }

    async fn find_latest(&self, _: FoodId) -> Result<Option<Food>, StorageError> {
        Err(unavailable())
    }

    async fn list(&self, _: PageRequest<FoodId>) -> Result<Page<Food>, StorageError> {
        Err(unavailable())
    }

    async fn find_images(&self, _: &[FoodId]) -> Result<Vec<ImageKey>, StorageError> {
        Err(unavailable())
    }

    async fn list_by_owner(
        &self,
        _: UserId,
        _: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, StorageError> {
        Err(unavailable())
    }

    async fn update(&self, _: &Food, _: &Food) -> Result<(), ReplaceFoodError> {
        Err(unavailable().into())
    }

    async fn set_variants(&self, _: &ImageKey, _: &Variants) -> Result<bool, StorageError> {
        Err(unavailable())
    }

    async fn delete(&self, _: &Food) -> Result<(), RemoveFoodError> {
        Err(unavailable().into())
    }
}

impl SessionStore for Down {
    async fn create(&self, _: &Session, _: Timestamp) -> Result<(), StorageError> {
        Err(unavailable())
    }

    async fn find(
        &self,
        _: UserId,
        _: SessionId,
        _: Timestamp,
    ) -> Result<Option<Session>, StorageError> {
        Err(unavailable())
    }

    async fn rotate(
        &self,
        _: UserId,
        _: SessionId,
        _: TokenId,
        _: &RefreshGrant,
        _: Timestamp,
    ) -> Result<Rotation, StorageError> {
        Err(unavailable())
    }

    async fn revoke(&self, _: UserId, _: SessionId) -> Result<(), StorageError> {
        Err(unavailable())
    }

    async fn list(&self, _: UserId, _: Timestamp) -> Result<Vec<Session>, StorageError> {
        Err(unavailable())
    }

    async fn revoke_all(&self, _: UserId, _: Option<SessionId>) -> Result<(), StorageError> {
        Err(unavailable())
    }
}

impl ImageStore for Down {
    async fn put(&self, _: &ImageKey, _: &Image) -> Result<(), StorageError> {
        Err(unavailable())
    }

    async fn delete(&self, _: &ImageKey) -> Result<(), StorageError> {
        Err(unavailable())
    }

    async fn list(&self, _: Option<&str>) -> Result<Vec<StoredImage>, StorageError> {
        Err(unavailable())
    }
}

impl AttemptStore for Down {
    async fn count(&self, _: &Counter) -> Result<u64, StorageError> {
        Err(unavailable())
    }

    async fn give_back(&self, _: &Counter) -> Result<(), StorageError> {
        Err(unavailable())
    }
}

impl PasswordHasher for Down {
    fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        Err(HashError("the test says so".into()))
    }

    fn verify(&self, _: &Password, _: &PasswordHash) -> Verdict {
        Verdict::RightButOutdated
    }

    fn decoy(&self) -> PasswordHash {
        PasswordHash::new("decoy".to_owned())
    }
}

impl TokenSigner for Down {
    fn sign(&self, _: &Claims) -> Result<String, SignError> {
        Err(SignError("the test says so".into()))
    }

    fn verify(&self, _: &str, _: Timestamp) -> Result<Claims, TokenError> {
        Err(TokenError::Refused)
    }
}

/// What a use case is about to do with the foods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Find,
    Save,
}

/// Foods in memory, and somebody who comes first at each step: to change them, or to make the step
/// fail.
pub(super) struct Meddled<'a, M> {
    pub(super) foods: &'a MemoryFoods,
    pub(super) meddle: M,
}

impl<M> FoodRepository for Meddled<'_, M>
where
    M: AsyncFn(Step) -> Result<(), StorageError>,
{
    async fn create(&self, food: &Food) -> Result<(), InsertFoodError> {
        (self.meddle)(Step::Save).await?;
        self.foods.create(food).await
    }

    async fn find(&self, id: FoodId) -> Result<Option<Food>, StorageError> {
        (self.meddle)(Step::Find).await?;
        self.foods.find(id).await
    }

    async fn find_latest(&self, id: FoodId) -> Result<Option<Food>, StorageError> {
        (self.meddle)(Step::Find).await?;
        self.foods.find_latest(id).await
    }

    async fn list(&self, page: PageRequest<FoodId>) -> Result<Page<Food>, StorageError> {
        self.foods.list(page).await
    }

    async fn find_images(&self, ids: &[FoodId]) -> Result<Vec<ImageKey>, StorageError> {
        (self.meddle)(Step::Find).await?;
        self.foods.find_images(ids).await
    }

    async fn list_by_owner(
        &self,
        owner: UserId,
        page: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, StorageError> {
        self.foods.list_by_owner(owner, page).await
    }

    async fn update(&self, current: &Food, changed: &Food) -> Result<(), ReplaceFoodError> {
        (self.meddle)(Step::Save).await?;
        self.foods.update(current, changed).await
    }

    async fn set_variants(
        &self,
        image: &ImageKey,
        variants: &Variants,
    ) -> Result<bool, StorageError> {
        (self.meddle)(Step::Save).await?;
        self.foods.set_variants(image, variants).await
    }

    async fn delete(&self, food: &Food) -> Result<(), RemoveFoodError> {
        (self.meddle)(Step::Save).await?;
        self.foods.delete(food).await
    }
}
