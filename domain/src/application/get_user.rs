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
