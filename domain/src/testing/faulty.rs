//! Fault injection for tests of use cases.

use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::food::{
    Food, FoodCatalog, FoodRepository, InsertFoodError, RemoveFoodError, ReplaceFoodError,
};
use crate::id::{FoodId, ImageId, SessionId, TokenId, UserId};
use crate::image::{ImageStore, RenditionKey, StoredObject, UploadKey, UploadStore};
use crate::like::{Like, LikePosition, LikeRepository, Liker, Profile, StoredItem};
use crate::neighbours::{FoodNeighbours, Model, NeighbourStore, Top, TopList, Versioned};
use crate::page::{Page, PageRequest};
use crate::password::PasswordHash;
use crate::rate_limit::{Attempt, CountOutcome, Counter, RateLimitStore};
use crate::session::{RefreshTokenState, Rotation, Session, SessionStore};
use crate::storage::StorageError;
use crate::user::{
    Credentials, DeletedUser, Email, InsertUserError, PublicUser, StoredPassword, User,
    UserRepository,
};

/// A fault that is injected into one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No fault: the call is executed once.
    None,
    /// The call is not executed and returns an error.
    Unavailable,
    /// The call is executed and returns an error, as if its response was lost.
    ResponseLost,
    /// The call is executed twice, as if a retry delivered it again, and returns the second result.
    DeliveredTwice,
}

/// Wraps an adapter and injects faults. Before each call it calls `plan` with the name of the method; `plan`
/// returns the fault.
#[derive(Debug)]
pub struct Faulty<'a, S, P> {
    inner: &'a S,
    plan: P,
}

impl<'a, S, P: AsyncFn(&'static str) -> Fault> Faulty<'a, S, P> {
    /// Wraps `inner`; `plan` returns the fault of each call.
    pub fn new(inner: &'a S, plan: P) -> Self {
        Self { inner, plan }
    }

    async fn call<T, E: From<StorageError>>(
        &self,
        method: &'static str,
        run: impl AsyncFn() -> Result<T, E>,
    ) -> Result<T, E> {
        let unavailable = || StorageError::Unavailable("injected fault".into()).into();
        match (self.plan)(method).await {
            Fault::None => run().await,
            Fault::Unavailable => Err(unavailable()),
            Fault::ResponseLost => {
                run().await?;
                Err(unavailable())
            }
            Fault::DeliveredTwice => {
                run().await?;
                run().await
            }
        }
    }
}

/// Wraps `inner` and injects the fault into every call of `method`.
pub fn faulty<'a, S>(
    inner: &'a S,
    method: &'static str,
    fault: Fault,
) -> Faulty<'a, S, impl AsyncFn(&'static str) -> Fault> {
    Faulty::new(inner, async move |called| if called == method { fault } else { Fault::None })
}

/// Wraps `inner` and runs `action` before each call of `method`, to simulate a concurrent request.
pub fn contended<'a, S>(
    inner: &'a S,
    method: &'static str,
    action: impl AsyncFn(),
) -> Faulty<'a, S, impl AsyncFn(&'static str) -> Fault> {
    Faulty::new(inner, async move |called| {
        if called == method {
            action().await;
        }
        Fault::None
    })
}

/// Wraps `inner` so that no call is executed and every call returns an error.
pub fn unavailable<S>(inner: &S) -> Faulty<'_, S, impl AsyncFn(&'static str) -> Fault> {
    Faulty::new(inner, async |_| Fault::Unavailable)
}

/// Implements a port by passing each call through [`Faulty::call`].
macro_rules! faulty_port {
    ($port:ident: $($method:ident($($name:ident: $type:ty),*) -> $result:ty;)*) => {
        impl<S: $port, P: AsyncFn(&'static str) -> Fault> $port for Faulty<'_, S, P> {
            $(async fn $method(&self, $($name: $type),*) -> $result {
                let run = async || self.inner.$method($($name),*).await;
                self.call(stringify!($method), run).await
            })*
        }
    };
}

faulty_port! { UserRepository:
    create(user: &User, password: &PasswordHash) -> Result<(), InsertUserError>;
    find(id: UserId) -> Result<Option<PublicUser>, StorageError>;
    find_consistent(id: UserId) -> Result<Option<PublicUser>, StorageError>;
    find_credentials(email: &Email) -> Result<Option<Credentials>, StorageError>;
    find_password(id: UserId) -> Result<Option<StoredPassword>, StorageError>;
    find_credentials_version(id: UserId) -> Result<Option<u64>, StorageError>;
    list(page: PageRequest<UserId>) -> Result<Page<PublicUser>, StorageError>;
    replace_password(id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StorageError>;
    change_password(id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<Option<u64>, StorageError>;
    increment_credentials_version(id: UserId, expected: Option<u64>) -> Result<bool, StorageError>;
    delete(id: UserId, now: Timestamp) -> Result<(), StorageError>;
    list_tombstones(page: PageRequest<UserId>) -> Result<Page<DeletedUser>, StorageError>;
    remove_tombstone(id: UserId) -> Result<(), StorageError>;
}

faulty_port! { FoodRepository:
    create(food: &Food) -> Result<(), InsertFoodError>;
    find(id: FoodId) -> Result<Option<Food>, StorageError>;
    find_consistent(id: FoodId) -> Result<Option<Food>, StorageError>;
    list(page: PageRequest<FoodId>) -> Result<Page<Food>, StorageError>;
    find_images(ids: &[FoodId]) -> Result<Vec<ImageId>, StorageError>;
    list_by_owner(owner: UserId, page: PageRequest<FoodId>) -> Result<Page<FoodId>, StorageError>;
    update(current: &Food, changed: &Food) -> Result<(), ReplaceFoodError>;
    delete(food: &Food) -> Result<(), RemoveFoodError>;
}

faulty_port! { NeighbourStore:
    find(foods: &[FoodId]) -> Result<Vec<(FoodId, Versioned<FoodNeighbours>)>, StorageError>;
    write(food: FoodId, neighbours: Option<&FoodNeighbours>, expected: Option<u64>) -> Result<bool, StorageError>;
    find_top() -> Result<(Model, [Versioned<Top>; 3]), StorageError>;
    write_top(list: TopList, top: &Top, expected: u64) -> Result<bool, StorageError>;
    write_model(model: &Model) -> Result<(), StorageError>;
}

faulty_port! { SessionStore:
    create(session: &Session, now: Timestamp) -> Result<(), StorageError>;
    find(user: UserId, session: SessionId, now: Timestamp) -> Result<Option<Session>, StorageError>;
    rotate(user: UserId, session: SessionId, presented: TokenId, next: &RefreshTokenState, now: Timestamp)
        -> Result<Rotation, StorageError>;
    revoke(user: UserId, session: SessionId) -> Result<(), StorageError>;
    list(user: UserId, page: PageRequest<SessionId>) -> Result<Page<Session>, StorageError>;
}

faulty_port! { UploadStore:
    find(key: UploadKey, max_bytes: usize) -> Result<Option<Bytes>, StorageError>;
    delete(key: UploadKey) -> Result<(), StorageError>;
    list(after: Option<&str>) -> Result<Vec<StoredObject>, StorageError>;
}

// Not generated by the macro, because a pause cannot fail.
impl<S: RateLimitStore, P: AsyncFn(&'static str) -> Fault> RateLimitStore for Faulty<'_, S, P> {
    async fn count(
        &self,
        counter: &Counter,
        limit: u64,
        attempt: Attempt,
    ) -> Result<CountOutcome, StorageError> {
        self.call("count", async || self.inner.count(counter, limit, attempt).await).await
    }

    async fn settle(&self, counter: &Counter) -> Result<(), StorageError> {
        self.call("settle", async || self.inner.settle(counter).await).await
    }

    async fn refund(&self, counter: &Counter, attempt: Attempt) -> Result<(), StorageError> {
        self.call("refund", async || self.inner.refund(counter, attempt).await).await
    }

    async fn wait(&self, longest: Duration) {
        self.inner.wait(longest).await;
    }
}

// Not generated by the macro, because the call consumes the bytes.
impl<S: ImageStore, P: AsyncFn(&'static str) -> Fault> ImageStore for Faulty<'_, S, P> {
    async fn put(&self, key: RenditionKey, bytes: Bytes) -> Result<(), StorageError> {
        let run = async || self.inner.put(key, bytes.clone()).await;
        self.call("put", run).await
    }

    async fn delete(&self, keys: &[RenditionKey]) -> Result<(), StorageError> {
        self.call("delete", async || self.inner.delete(keys).await).await
    }

    async fn list(&self, after: Option<&str>) -> Result<Vec<StoredObject>, StorageError> {
        self.call("list", async || self.inner.list(after).await).await
    }
}

// Not generated by the macro, because a repeated scan would visit items twice.
impl<S: LikeRepository, P: AsyncFn(&'static str) -> Fault> LikeRepository for Faulty<'_, S, P> {
    async fn create(&self, like: &Like) -> Result<bool, StorageError> {
        self.call("create", async || self.inner.create(like).await).await
    }

    async fn delete(&self, user: UserId, food: FoodId) -> Result<bool, StorageError> {
        self.call("delete", async || self.inner.delete(user, food).await).await
    }

    async fn count(&self, food: FoodId) -> Result<u64, StorageError> {
        self.call("count", async || self.inner.count(food).await).await
    }

    async fn count_likers(&self, food: FoodId) -> Result<u64, StorageError> {
        self.call("count_likers", async || self.inner.count_likers(food).await).await
    }

    async fn find_liked(
        &self,
        user: UserId,
        foods: &[FoodId],
    ) -> Result<Vec<FoodId>, StorageError> {
        self.call("find_liked", async || self.inner.find_liked(user, foods).await).await
    }

    async fn newest_likes(&self, user: UserId, max: usize) -> Result<Vec<Like>, StorageError> {
        self.call("newest_likes", async || self.inner.newest_likes(user, max).await).await
    }

    async fn list(
        &self,
        user: UserId,
        page: PageRequest<LikePosition>,
    ) -> Result<Page<Like>, StorageError> {
        self.call("list", async || self.inner.list(user, page).await).await
    }

    async fn newest_likers(&self, food: FoodId) -> Result<Vec<Liker>, StorageError> {
        self.call("newest_likers", async || self.inner.newest_likers(food).await).await
    }

    async fn find_profiles(
        &self,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Versioned<Profile>)>, StorageError> {
        self.call("find_profiles", async || self.inner.find_profiles(users).await).await
    }

    async fn write_profile(
        &self,
        user: UserId,
        profile: Option<&Profile>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        let run = async || self.inner.write_profile(user, profile, expected).await;
        self.call("write_profile", run).await
    }

    async fn scan(&self, visit: impl FnMut(StoredItem) + Send) -> Result<(), StorageError> {
        self.call("scan", async || Ok::<_, StorageError>(())).await?;
        self.inner.scan(visit).await
    }
}

// Not generated by the macro, because a repeated scan would visit ids twice.
impl<S: FoodCatalog, P: AsyncFn(&'static str) -> Fault> FoodCatalog for Faulty<'_, S, P> {
    async fn find_many(&self, foods: &[FoodId]) -> Result<Vec<Food>, StorageError> {
        self.call("find_many", async || self.inner.find_many(foods).await).await
    }

    async fn find_existing(&self, foods: &[FoodId]) -> Result<Vec<FoodId>, StorageError> {
        self.call("find_existing", async || self.inner.find_existing(foods).await).await
    }

    async fn set_likes(&self, food: FoodId, likes: u64) -> Result<bool, StorageError> {
        self.call("set_likes", async || self.inner.set_likes(food, likes).await).await
    }

    async fn scan_ids(&self, visit: impl FnMut(FoodId) + Send) -> Result<(), StorageError> {
        self.call("scan_ids", async || Ok::<_, StorageError>(())).await?;
        self.inner.scan_ids(visit).await
    }
}
