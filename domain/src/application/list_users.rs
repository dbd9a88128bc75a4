//! Who is here.

use crate::id::UserId;
use crate::page::{Page, PageRequest};
use crate::storage::StorageError;
use crate::user::{PublicUser, UserRepository};

/// Everybody, oldest first.
pub async fn list_users(
    users: &impl UserRepository,
    page: PageRequest<UserId>,
) -> Result<Page<PublicUser>, StorageError> {
    users.list(page).await
}
