//! [`UserRepository`] in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{lock, page};
use crate::clock::Timestamp;
use crate::id::UserId;
use crate::page::{Page, PageRequest};
use crate::password::PasswordHash;
use crate::storage::StorageError;
use crate::user::{
    Credentials, DeletedUser, Email, InsertUserError, PublicUser, StoredPassword, User,
    UserRepository,
};

/// A [`UserRepository`] in memory. Clones share their users.
#[derive(Debug, Clone, Default)]
pub struct MemoryUsers {
    users: Arc<Mutex<BTreeMap<UserId, (User, StoredPassword)>>>,
    tombstones: Arc<Mutex<BTreeMap<UserId, DeletedUser>>>,
}

impl MemoryUsers {
    /// Returns the password hash of the user; `None` if no user has this id.
    pub fn password_of(&self, id: UserId) -> Option<PasswordHash> {
        lock(&self.users).get(&id).map(|(_, password)| password.hash.clone())
    }

    /// Returns the account with this id; `None` if it does not exist.
    pub fn account(&self, id: UserId) -> Option<User> {
        lock(&self.users).get(&id).map(|(user, _)| user.clone())
    }

    /// Replaces the hash `old` by `new`. Adds `versions` to the credentials version and
    /// returns it; `None` if the stored hash is not `old`.
    fn replace(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
        versions: u64,
    ) -> Option<u64> {
        let mut users = lock(&self.users);
        let (_, password) = users.get_mut(&id).filter(|(_, password)| password.hash == *old)?;
        password.hash = new.clone();
        password.credentials_version += versions;
        Some(password.credentials_version)
    }

    /// Adds 1 to the credentials version; see [`UserRepository::increment_credentials_version`].
    pub(super) fn increment(&self, id: UserId, expected: Option<u64>) -> bool {
        let mut users = lock(&self.users);
        let is_expected = |version| expected.is_none_or(|expected| expected == version);
        let user = users.get_mut(&id).map(|(_, password)| &mut password.credentials_version);
        let Some(version) = user.filter(|version| is_expected(**version)) else {
            return false;
        };
        *version += 1;
        true
    }
}

impl UserRepository for MemoryUsers {
    async fn create(&self, user: &User, password: &PasswordHash) -> Result<(), InsertUserError> {
        let mut users = lock(&self.users);
        let is_taken = users.values().any(|(other, _)| other.email == user.email);
        if is_taken || users.contains_key(&user.public.id) {
            return Err(InsertUserError::EmailTaken);
        }
        let password = StoredPassword { hash: password.clone(), credentials_version: 0 };
        users.insert(user.public.id, (user.clone(), password));
        Ok(())
    }

    async fn find(&self, id: UserId) -> Result<Option<PublicUser>, StorageError> {
        Ok(lock(&self.users).get(&id).map(|(user, _)| user.public.clone()))
    }

    async fn find_consistent(&self, id: UserId) -> Result<Option<PublicUser>, StorageError> {
        self.find(id).await
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError> {
        let users = lock(&self.users);
        let found = users.values().find(|(user, _)| user.email == *email).cloned();
        Ok(found.map(|(user, password)| Credentials { user: user.public, password }))
    }

    async fn find_password(&self, id: UserId) -> Result<Option<StoredPassword>, StorageError> {
        Ok(lock(&self.users).get(&id).map(|(_, password)| password.clone()))
    }

    async fn find_credentials_version(&self, id: UserId) -> Result<Option<u64>, StorageError> {
        Ok(lock(&self.users).get(&id).map(|(_, password)| password.credentials_version))
    }

    async fn list(&self, request: PageRequest<UserId>) -> Result<Page<PublicUser>, StorageError> {
        let users = lock(&self.users);
        let entries = users.iter().map(|(id, (user, _))| (*id, user.public.clone()));
        Ok(page(entries, request, |id, after| id > after))
    }

    async fn replace_password(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StorageError> {
        Ok(self.replace(id, old, new, 0).is_some())
    }

    async fn change_password(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<Option<u64>, StorageError> {
        Ok(self.replace(id, old, new, 1))
    }

    async fn increment_credentials_version(
        &self,
        id: UserId,
        expected: Option<u64>,
    ) -> Result<bool, StorageError> {
        Ok(self.increment(id, expected))
    }

    async fn delete(&self, id: UserId, now: Timestamp) -> Result<(), StorageError> {
        if lock(&self.users).remove(&id).is_some() {
            lock(&self.tombstones).insert(id, DeletedUser { user: id, at: now });
        }
        Ok(())
    }

    async fn list_tombstones(
        &self,
        request: PageRequest<UserId>,
    ) -> Result<Page<DeletedUser>, StorageError> {
        let tombstones = lock(&self.tombstones);
        let entries = tombstones.iter().map(|(id, tombstone)| (*id, *tombstone));
        Ok(page(entries, request, |id, after| id > after))
    }

    async fn remove_tombstone(&self, id: UserId) -> Result<(), StorageError> {
        lock(&self.tombstones).remove(&id);
        Ok(())
    }
}
