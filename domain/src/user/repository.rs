//! The port to accounts.

use thiserror::Error;

use super::{Email, PublicUser, User};
use crate::clock::Timestamp;
use crate::id::UserId;
use crate::page::{Page, PageRequest};
use crate::password::PasswordHash;
use crate::storage::StorageError;

/// Why a user was not saved.
#[derive(Debug, Error)]
pub enum InsertUserError {
    /// Another account has the address; nothing was written.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
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
pub struct DeletedUser {
    /// Whose it was.
    pub user: UserId,
    /// When it was deleted.
    pub at: Timestamp,
}

/// The accounts.
pub trait UserRepository {
    /// Saves a new account; MUST return `EmailTaken`, and write nothing, when an account has its
    /// address, in any case, or its id.
    async fn create(&self, user: &User, password: &PasswordHash) -> Result<(), InsertUserError>;

    /// `None` when nobody has this id. May lag behind by moments: for showing.
    async fn find(&self, id: UserId) -> Result<Option<PublicUser>, StorageError>;

    /// `None` when nobody has this id. Sees every account created before: for deciding.
    async fn find_consistent(&self, id: UserId) -> Result<Option<PublicUser>, StorageError>;

    /// `None` when nobody has this address. Sees every account created before. Does the same work
    /// for an address that somebody has and for one that nobody has, so that the time taken does
    /// not tell.
    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError>;

    /// What the user's password is compared with; `None` when nobody has this id. Sees every change
    /// made before.
    async fn find_password(&self, id: UserId) -> Result<Option<PasswordHash>, StorageError>;

    /// Everybody, oldest first.
    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<PublicUser>, StorageError>;

    /// Replaces `old` by `new`, and tells whether it did: where the hash is no longer `old` it does
    /// nothing.
    async fn replace_password(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StorageError>;

    /// Deletes the account; its address is free from then on. Leaves a note that the user left, which
    /// [`list_tombstones`] finds. Succeeds when the account is already gone.
    ///
    /// [`list_tombstones`]: Self::list_tombstones
    async fn delete(&self, id: UserId, now: Timestamp) -> Result<(), StorageError>;

    /// Who left and when, in the order of their ids. May lag behind by moments.
    async fn list_tombstones(
        &self,
        page: PageRequest<UserId>,
    ) -> Result<Page<DeletedUser>, StorageError>;

    /// Forgets that the user left; succeeds when nobody knows of it.
    async fn remove_tombstone(&self, id: UserId) -> Result<(), StorageError>;
}
