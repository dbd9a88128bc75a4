//! Who is here.

use crate::id::UserId;
use crate::page::{Page, PageRequest};
use crate::repository::{RepositoryError, UserRepository};
use crate::user::PublicUser;

/// Everybody, oldest first.
pub async fn list_users(
    users: &impl UserRepository,
    page: PageRequest<UserId>,
) -> Result<Page<PublicUser>, RepositoryError> {
    users.list(page).await
}
