//! Leaving.

use futures_util::future::join_all;
use thiserror::Error;

use super::AuthenticatedUser;
use super::delete_food::{DeleteFoodError, remove};
use crate::clock::Clock;
use crate::food::{FoodRepository, VersionPrecondition};
use crate::id::{FoodId, UserId};
use crate::image::ImageStore;
use crate::page::PageRequest;
use crate::session::SessionStore;
use crate::storage::StorageError;
use crate::user::UserRepository;

/// How many foods are deleted at once.
const AT_ONCE: usize = 8;

/// Why not everything is gone. What is gone stays gone, and asking again goes on with the rest.
#[derive(Debug, Error)]
pub enum DeleteUserError {
    /// A food keeps being changed.
    #[error("a food is being changed too often")]
    Busy,
    /// See [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Deletes the user's foods with their images, the account with its address, and all sessions. The
/// session that asks goes last, so that it can ask again where something fails on the way. What
/// the user shares in the very moment of leaving is found by the note that [`UserRepository::delete`]
/// leaves.
pub async fn delete_user(
    users: &impl UserRepository,
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    sessions: &impl SessionStore,
    clock: &impl Clock,
    who: AuthenticatedUser,
) -> Result<(), DeleteUserError> {
    delete_foods(foods, images, who.user).await?;
    users.delete(who.user, clock.now()).await?;
    // From here on nobody signs in: what was begun before is ended here, or by the login itself.
    sessions.revoke_all(who.user, Some(who.session)).await?;
    Ok(sessions.revoke(who.user, who.session).await?)
}

/// Deletes all foods of the user, with their images.
pub(super) async fn delete_foods(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    owner: UserId,
) -> Result<(), DeleteUserError> {
    let mut after = None;
    loop {
        let page = foods
            .list_by_owner(owner, PageRequest::largest(after))
            .await?;
        for some in page.items.chunks(AT_ONCE) {
            let deleted = some
                .iter()
                .map(|id| Box::pin(take_back(foods, images, owner, *id)));
            let deleted = join_all(deleted).await;
            deleted.into_iter().collect::<Result<(), _>>()?;
        }
        after = page.items.last().copied();
        if !page.more {
            return Ok(());
        }
    }
}

/// The list may lag behind: what is gone is gone.
async fn take_back(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    owner: UserId,
    id: FoodId,
) -> Result<(), DeleteUserError> {
    let found = foods.find_consistent(id).await?;
    match remove(foods, images, owner, found, &VersionPrecondition::None).await {
        Ok(()) | Err(DeleteFoodError::NotFound | DeleteFoodError::NotOwner) => Ok(()),
        Err(DeleteFoodError::PreconditionFailed | DeleteFoodError::Busy) => {
            Err(DeleteUserError::Busy)
        }
        Err(DeleteFoodError::Storage(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sample, unavailable};
    use crate::use_cases::test_support::{AuthFixture, FoodFixture};

    struct Fixture {
        auth: AuthFixture,
        food: FoodFixture,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                auth: AuthFixture::new(),
                food: FoodFixture::new(),
            }
        }

        /// A user with so many foods and two sessions.
        async fn user(&self, foods: usize) -> AuthenticatedUser {
            let public = self.auth.add_user("a hash").await.public;
            for _ in 0..foods {
                let food = sample::food(&public);
                self.food.images.store.put_image_of(&food);
                self.food.foods.create(&food).await.unwrap();
            }
            let (session, _) = self.auth.log_in(public.id).await;
            self.auth.log_in(public.id).await;
            AuthenticatedUser {
                user: public.id,
                session: session.id,
            }
        }

        async fn delete(
            &self,
            users: &impl UserRepository,
            foods: &impl FoodRepository,
            who: AuthenticatedUser,
        ) -> Result<(), DeleteUserError> {
            let (images, clock) = (&self.food.images.store, &self.food.clock);
            delete_user(users, foods, images, &self.auth.sessions, clock, who).await
        }
    }

    #[tokio::test]
    async fn user_deletion_removes_data_of_that_user_only() {
        let fixture = Fixture::new();
        let (ada, eve) = (fixture.user(250).await, fixture.user(2).await);
        // Also when retried.
        for _ in 0..2 {
            let deleted = fixture
                .delete(&fixture.auth.users, &fixture.food.foods, ada)
                .await;
            deleted.unwrap();
        }
        assert!(fixture.auth.users.account(ada.user).is_none());
        assert!(fixture.auth.users.account(eve.user).is_some());
        assert_eq!(fixture.food.images.store.count(), 8);
        assert_eq!(fixture.auth.sessions.count(), 2);
        let all = fixture.food.foods.list(PageRequest::largest(None));
        let foods = all.await.unwrap().items;
        let owners: Vec<_> = foods.iter().map(|food| food.creator.id).collect();
        assert_eq!(owners, [eve.user, eve.user]);
        let all = fixture
            .auth
            .users
            .list_tombstones(PageRequest::largest(None));
        let tombstones = all.await.unwrap().items;
        let users: Vec<_> = tombstones.iter().map(|tombstone| tombstone.user).collect();
        assert_eq!(users, [ada.user]);
    }

    #[tokio::test]
    async fn failed_user_deletion_keeps_the_session() {
        let fixture = Fixture::new();
        let who = fixture.user(3).await;
        let (users, foods) = (&fixture.auth.users, &fixture.food.foods);
        let sessions = &fixture.auth.sessions;
        for failed in [
            fixture.delete(&unavailable(users), foods, who).await,
            fixture.delete(users, &unavailable(foods), who).await,
        ] {
            assert!(matches!(failed, Err(DeleteUserError::Storage(_))));
            let session = sessions.find(who.user, who.session, fixture.food.clock.now());
            assert!(session.await.unwrap().is_some());
        }
        fixture.delete(users, foods, who).await.unwrap();
        assert!(users.account(who.user).is_none());
        assert_eq!(sessions.count(), 0);
    }
}
