//! [`UserRepository`] in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{lock, page};
use crate::clock::Timestamp;
use crate::id::UserId;
use crate::page::{Page, PageRequest};
use crate::password::PasswordHash;
use crate::storage::StorageError;
use crate::user::{
    Credentials, DeletedUser, Email, InsertUserError, PublicUser, User, UserRepository,
};

/// A [`UserRepository`] in memory.
#[derive(Debug, Default)]
pub struct MemoryUsers {
    users: Mutex<BTreeMap<UserId, (User, PasswordHash)>>,
    tombstones: Mutex<BTreeMap<UserId, DeletedUser>>,
}

impl MemoryUsers {
    /// Returns the password hash of the user; `None` if no user has this id.
    pub fn password_of(&self, id: UserId) -> Option<PasswordHash> {
        lock(&self.users).get(&id).map(|(_, hash)| hash.clone())
    }

    /// Returns the account with this id; `None` if it does not exist.
    pub fn account(&self, id: UserId) -> Option<User> {
        lock(&self.users).get(&id).map(|(user, _)| user.clone())
    }
}

impl UserRepository for MemoryUsers {
    async fn create(&self, user: &User, password: &PasswordHash) -> Result<(), InsertUserError> {
        let mut users = lock(&self.users);
        let is_taken = users.values().any(|(other, _)| other.email == user.email);
        if is_taken || users.contains_key(&user.public.id) {
            return Err(InsertUserError::EmailTaken);
        }
        users.insert(user.public.id, (user.clone(), password.clone()));
        Ok(())
    }

    async fn find(&self, id: UserId) -> Result<Option<PublicUser>, StorageError> {
        Ok(lock(&self.users).get(&id).map(|(user, _)| user.public.clone()))
    }

    async fn find_consistent(&self, id: UserId) -> Result<Option<PublicUser>, StorageError> {
        self.find(id).await
    }

    async fn find_account(&self, id: UserId) -> Result<Option<User>, StorageError> {
        Ok(self.account(id))
    }

    async fn find_credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError> {
        Ok(lock(&self.users).values().find(|(user, _)| user.email == *email).map(
            |(user, password)| Credentials {
                user: user.public.clone(),
                password: password.clone(),
            },
        ))
    }

    async fn find_password(&self, id: UserId) -> Result<Option<PasswordHash>, StorageError> {
        Ok(self.password_of(id))
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
        let mut users = lock(&self.users);
        let password = users.get_mut(&id).map(|(_, password)| password);
        let Some(password) = password.filter(|password| **password == *old) else {
            return Ok(false);
        };
        *password = new.clone();
        Ok(true)
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
