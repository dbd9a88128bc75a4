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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageSize;
    use crate::password::PasswordHash;
    use crate::testing::{MemoryUsers, sample};

    fn part(after: Option<UserId>, size: &str) -> PageRequest<UserId> {
        PageRequest {
            after,
            size: PageSize::parse(size).unwrap(),
        }
    }

    #[tokio::test]
    async fn everybody_is_listed_once_and_oldest_first() {
        let users = MemoryUsers::default();
        let mut all = Vec::new();
        for _ in 0..5 {
            let user = sample::user();
            let hash = PasswordHash::new("a hash".to_owned());
            users.create(&user, &hash).await.unwrap();
            all.push(user.public);
        }
        let page = list_users(&users, part(None, "2")).await.unwrap();
        assert_eq!((page.items.as_slice(), page.more), (&all[..2], true));
        let page = list_users(&users, part(Some(all[1].id), "2"))
            .await
            .unwrap();
        assert_eq!((page.items.as_slice(), page.more), (&all[2..4], true));
        let page = list_users(&users, part(Some(all[3].id), "2"))
            .await
            .unwrap();
        assert_eq!((page.items.as_slice(), page.more), (&all[4..], false));
        let page = list_users(&users, part(None, "5")).await.unwrap();
        assert_eq!((page.items.as_slice(), page.more), (&all[..], false));
    }

    #[tokio::test]
    async fn where_nobody_is_the_list_is_empty() {
        let page = list_users(&MemoryUsers::default(), part(None, "1")).await;
        let page = page.unwrap();
        assert!(page.items.is_empty() && !page.more);
    }
}
