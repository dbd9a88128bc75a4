//! Getting a user.

use super::LookupError;
use crate::id::UserId;
use crate::user::{PublicUser, UserRepository};

/// Returns the id and name of the user; `NotFound` if no user has this id.
pub async fn get_user(users: &impl UserRepository, id: UserId) -> Result<PublicUser, LookupError> {
    users.find(id).await?.ok_or(LookupError::NotFound)
}
