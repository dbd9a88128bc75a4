//! One user.

use thiserror::Error;

use crate::id::UserId;
use crate::repository::{RepositoryError, UserRepository};
use crate::user::PublicUser;

/// Why there is no user to show.
#[derive(Debug, Error)]
pub enum GetUserError {
    /// Nobody has this id.
    #[error("no such user")]
    NotFound,
    /// See [`RepositoryError`].
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What everybody may see of the user.
pub async fn get_user(users: &impl UserRepository, id: UserId) -> Result<PublicUser, GetUserError> {
    users.find(id).await?.ok_or(GetUserError::NotFound)
}
