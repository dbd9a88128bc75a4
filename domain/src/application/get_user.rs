//! One user.

use thiserror::Error;

use crate::id::UserId;
use crate::storage::StorageError;
use crate::user::{PublicUser, UserRepository};

/// Why there is no user to show.
#[derive(Debug, Error)]
pub enum GetUserError {
    /// Nobody has this id.
    #[error("no such user")]
    NotFound,
    /// See [`StorageError`].
    #[error(transparent)]
    Repository(#[from] StorageError),
}

/// What everybody may see of the user.
pub async fn get_user(users: &impl UserRepository, id: UserId) -> Result<PublicUser, GetUserError> {
    users.find(id).await?.ok_or(GetUserError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::PasswordHash;
    use crate::testing::{MemoryUsers, sample};

    #[tokio::test]
    async fn a_user_is_found_by_id() {
        let (users, ada) = (MemoryUsers::default(), sample::user());
        let hash = PasswordHash::new("a hash".to_owned());
        users.create(&ada, &hash).await.unwrap();
        let found = get_user(&users, ada.public.id).await;
        assert_eq!(found.unwrap(), ada.public);
    }

    #[tokio::test]
    async fn an_unknown_user_is_not_found() {
        let unknown = UserId::new(sample::moment());
        let found = get_user(&MemoryUsers::default(), unknown).await;
        assert!(matches!(found, Err(GetUserError::NotFound)));
    }
}
