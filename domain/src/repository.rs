//! The ports to users and foods.
//!
//! Every method is one atomic step: it happens wholly or not at all, also when many callers do it
//! at once. `testing::contracts` says so in code.

use std::time::Duration;

use thiserror::Error;

use crate::clock::Timestamp;
use crate::food::Food;
use crate::id::{FoodId, UserId};
use crate::image::{ImageKey, Variants};
use crate::page::{Page, PageRequest};
use crate::password::PasswordHash;
use crate::user::{Email, PublicUser, User};

/// The cause of an error, for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong behind a port, by what can be done about it.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// Nobody knows whether it was done: ask, or try again.
    #[error("the store is unavailable")]
    Unavailable(#[source] Source),
    /// What is stored is not what we store: repair it.
    #[error("the store holds something unreadable")]
    Corrupt(#[source] Source),
    /// The store will not do it, however often it is asked: a permission or a table is missing.
    #[error("the store refuses")]
    Refused(#[source] Source),
}

/// Why a user was not saved.
#[derive(Debug, Error)]
pub enum CreateUserError {
    /// Another account has the address; nothing was written.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What signing in needs to know.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Who has the address.
    pub user: PublicUser,
    /// What the password is compared with.
    pub password: PasswordHash,
}

/// Somebody whose account is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Whose it was.
    pub user: UserId,
    /// When it was deleted.
    pub at: Timestamp,
}

/// The accounts.
pub trait UserRepository {
    /// Saves a new account; MUST return `EmailTaken`, and write nothing, when an account has its
    /// address, in any case, or its id.
    async fn create(&self, user: &User, password: &PasswordHash) -> Result<(), CreateUserError>;

    /// `None` when nobody has this id. May lag behind by moments: for showing.
    async fn find(&self, id: UserId) -> Result<Option<PublicUser>, RepositoryError>;

    /// `None` when nobody has this id. Sees every account created before: for deciding.
    async fn find_latest(&self, id: UserId) -> Result<Option<PublicUser>, RepositoryError>;

    /// `None` when nobody has this address. Sees every account created before. Does the same work
    /// for an address that somebody has and for one that nobody has, so that the time taken does
    /// not tell.
    async fn find_credentials(&self, email: &Email)
    -> Result<Option<Credentials>, RepositoryError>;

    /// What the user's password is compared with; `None` when nobody has this id. Sees every change
    /// made before.
    async fn find_password(&self, id: UserId) -> Result<Option<PasswordHash>, RepositoryError>;

    /// Everybody, oldest first.
    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<PublicUser>, RepositoryError>;

    /// Replaces `old` by `new`, and tells whether it did: where the hash is no longer `old` it does
    /// nothing.
    async fn replace_password(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, RepositoryError>;

    /// Deletes the account; its address is free from then on. Leaves a note that the user left, which
    /// [`list_left`] finds. Succeeds when the account is already gone.
    ///
    /// [`list_left`]: Self::list_left
    async fn delete(&self, id: UserId, now: Timestamp) -> Result<(), RepositoryError>;

    /// Who left and when, in the order of their ids. May lag behind by moments.
    async fn list_left(&self, page: PageRequest<UserId>) -> Result<Page<Left>, RepositoryError>;

    /// Forgets that the user left; succeeds when nobody knows of it.
    async fn forget_left(&self, id: UserId) -> Result<(), RepositoryError>;
}

/// Why a new food was not saved.
#[derive(Debug, Error)]
pub enum CreateFoodError {
    /// Another food has the title; nothing was written.
    #[error("the title is taken")]
    TitleTaken,
    /// The upload belongs to another food; nothing was written.
    #[error("the upload is taken")]
    UploadTaken,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Why a change to a food was not saved.
#[derive(Debug, Error)]
pub enum UpdateFoodError {
    /// Another food has the title; nothing was written.
    #[error("the title is taken")]
    TitleTaken,
    /// The upload belongs to another food; nothing was written.
    #[error("the upload is taken")]
    UploadTaken,
    /// The food is gone or has another version by now; nothing was written.
    #[error("the food was changed meanwhile")]
    Changed,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Why a food was not deleted.
#[derive(Debug, Error)]
pub enum DeleteFoodError {
    /// The food is gone or has another version by now; nothing was deleted.
    #[error("the food was changed meanwhile")]
    Changed,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// How long it is remembered which food an upload was given to: longer than the upload can be there.
pub const CLAIMED: Duration = Duration::from_hours(7 * 24);

/// The foods everyone can see.
pub trait FoodRepository {
    /// Saves a new food; MUST return `TitleTaken`, and write nothing, when a food has its folded title
    /// or its id, and `UploadTaken` when another food was ever given its upload. That is remembered for
    /// [`CLAIMED`].
    async fn create(&self, food: &Food) -> Result<(), CreateFoodError>;

    /// `None` when no food has this id. May lag behind by moments: for showing.
    async fn find(&self, id: FoodId) -> Result<Option<Food>, RepositoryError>;

    /// `None` when no food has this id. Sees every save made before: for deciding.
    async fn find_latest(&self, id: FoodId) -> Result<Option<Food>, RepositoryError>;

    /// All foods, newest first.
    async fn list(&self, page: PageRequest<FoodId>) -> Result<Page<Food>, RepositoryError>;

    /// The pictures of those of these foods that there are, in any order. Sees every save made
    /// before: for deciding.
    async fn find_images(&self, ids: &[FoodId]) -> Result<Vec<ImageKey>, RepositoryError>;

    /// The foods of one user, oldest first. May lag behind by moments.
    async fn list_by_owner(
        &self,
        owner: UserId,
        page: PageRequest<FoodId>,
    ) -> Result<Page<FoodId>, RepositoryError>;

    /// Puts `changed` in the place of `current`; MUST return `Changed` when the stored version or
    /// owner is not that of `current`, `TitleTaken` when another food has the new title, and
    /// `UploadTaken` when another food was given the new upload.
    /// The old title is free from then on. Variants stay as they are stored where the picture stays, and
    /// there are none where it is another one.
    async fn update(&self, current: &Food, changed: &Food) -> Result<(), UpdateFoodError>;

    /// Says which variants of the picture there are, and tells whether it did: where the food is gone,
    /// or shows another picture, it does nothing. The version stays.
    async fn set_variants(
        &self,
        image: &ImageKey,
        variants: &Variants,
    ) -> Result<bool, RepositoryError>;

    /// Deletes this version of the food; its title is free from then on.
    async fn delete(&self, food: &Food) -> Result<(), DeleteFoodError>;
}
