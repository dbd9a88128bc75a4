//! The port to stored user accounts.

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
    /// Another account has the e-mail; nothing was written.
    #[error("the e-mail is taken")]
    EmailTaken,
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The data of a user for checking a login.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user who has the e-mail of the login.
    pub user: PublicUser,
    /// The password hash of the user.
    pub password: StoredPassword,
}

/// The password hash of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// The hash.
    pub hash: PasswordHash,
    /// The credentials version of the user, read with the hash; see [`UserRepository`].
    pub credentials_version: u64,
}

/// The tombstone of a deleted account: the sweep deletes foods that remain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedUser {
    /// The id of the account.
    pub user: UserId,
    /// The time of deletion.
    pub at: Timestamp,
}

/// Port: stored user accounts. E-mails are unique by their folded form.
///
/// An account has a credentials version, at first 0. A session has the version of its user at login, and is revoked by
/// a newer one. One write therefore revokes all sessions of a user.
pub trait UserRepository {
    /// Inserts an account in one transaction with its e-mail. MUST return `EmailTaken` and write nothing if
    /// an account with this folded e-mail or id exists.
    async fn create(&self, user: &User, password: &PasswordHash) -> Result<(), InsertUserError>;

    /// Returns the user; `None` if there is none with this id. Eventually consistent: for public reads.
    async fn find(&self, id: UserId) -> Result<Option<PublicUser>, StorageError>;

    /// Returns the user; `None` if there is none with this id. Strongly consistent: for checks before writes.
    async fn find_consistent(&self, id: UserId) -> Result<Option<PublicUser>, StorageError>;

    /// Returns the user and password hash for an e-mail; `None` if no account has it. Strongly consistent.
    /// Takes the same time in both cases, so that timing does not reveal registered e-mails.
    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError>;

    /// Returns the password hash of the user; `None` if there is no user with this id. Strongly consistent.
    async fn find_password(&self, id: UserId) -> Result<Option<StoredPassword>, StorageError>;

    /// Returns the credentials version of the user; `None` if there is no user with this id. Strongly consistent.
    async fn find_credentials_version(&self, id: UserId) -> Result<Option<u64>, StorageError>;

    /// Lists all users, oldest first. Eventually consistent.
    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<PublicUser>, StorageError>;

    /// Replaces the hash `old` of a password by another hash `new` of it (compare-and-swap). Returns `false` and writes
    /// nothing if the stored hash is not `old` or the account does not exist. Revokes no session.
    async fn replace_password(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StorageError>;

    /// Replaces the password hash `old` by `new` and adds 1 to the credentials version, in one write. Returns the new
    /// version; `None`, and writes nothing, if the stored hash is not `old` or the account does not exist.
    async fn change_password(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<Option<u64>, StorageError>;

    /// Adds 1 to the credentials version, if `expected` is `None` or the current version. Returns `false` and writes
    /// nothing if it is another or the account does not exist.
    async fn increment_credentials_version(
        &self,
        id: UserId,
        expected: Option<u64>,
    ) -> Result<bool, StorageError>;

    /// Deletes the account, releases its e-mail and writes a tombstone (see [`list_tombstones`]). Idempotent.
    ///
    /// [`list_tombstones`]: Self::list_tombstones
    async fn delete(&self, id: UserId, now: Timestamp) -> Result<(), StorageError>;

    /// Lists the tombstones of deleted accounts, ordered by id. Eventually consistent.
    async fn list_tombstones(
        &self,
        page: PageRequest<UserId>,
    ) -> Result<Page<DeletedUser>, StorageError>;

    /// Removes a tombstone. Idempotent: succeeds if the tombstone does not exist.
    async fn remove_tombstone(&self, id: UserId) -> Result<(), StorageError>;
}
