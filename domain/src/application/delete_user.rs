//! Leaving.

use futures_util::future::join_all;
use thiserror::Error;

use super::SignedIn;
use super::delete_food::{DeleteFoodError, remove};
use crate::clock::Clock;
use crate::food::{Expected, FoodRepository};
use crate::id::{FoodId, UserId};
use crate::image::ImageStore;
use crate::page::{PageRequest, PageSize};
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
    Repository(#[from] StorageError),
}

/// Deletes the user's foods with their pictures, the account with its address, and all sessions. The
/// session that asks goes last, so that it can ask again where something fails on the way. What
/// the user shares in the very moment of leaving is found by the note that [`UserRepository::delete`]
/// leaves.
pub async fn delete_user(
    users: &impl UserRepository,
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    sessions: &impl SessionStore,
    clock: &impl Clock,
    who: SignedIn,
) -> Result<(), DeleteUserError> {
    delete_foods(foods, images, who.user).await?;
    users.delete(who.user, clock.now()).await?;
    // From here on nobody signs in: what was begun before is ended here, or by the login itself.
    sessions.revoke_all(who.user, Some(who.session)).await?;
    Ok(sessions.revoke(who.user, who.session).await?)
}

/// Deletes all foods of the user, with their pictures.
pub(super) async fn delete_foods(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    owner: UserId,
) -> Result<(), DeleteUserError> {
    let mut after = None;
    loop {
        let request = PageRequest {
            after,
            size: PageSize::default(),
        };
        let page = foods.list_by_owner(owner, request).await?;
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
    let found = foods.find_latest(id).await?;
    match remove(foods, images, owner, found, &Expected::Any).await {
        Ok(()) | Err(DeleteFoodError::NotFound | DeleteFoodError::NotOwner) => Ok(()),
        Err(DeleteFoodError::Stale | DeleteFoodError::Busy) => Err(DeleteUserError::Busy),
        Err(DeleteFoodError::Repository(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::application::test_support::signed_in;
    use crate::password::PasswordHash;
    use crate::session::Session;
    use crate::testing::{
        FixedClock, MemoryFoods, MemoryImages, MemorySessions, MemoryUsers, sample, unavailable,
    };
    use crate::user::User;

    #[derive(Default)]
    struct Stores {
        users: MemoryUsers,
        foods: MemoryFoods,
        images: MemoryImages,
        sessions: MemorySessions,
        clock: FixedClock,
    }

    impl Stores {
        /// Somebody with so many foods, signed in twice.
        async fn member(&self, foods: usize) -> (User, SignedIn) {
            let user = sample::user();
            let hash = PasswordHash::new("a hash".to_owned());
            self.users.create(&user, &hash).await.unwrap();
            for _ in 0..foods {
                let food = sample::food(&user.public);
                self.images
                    .put(&food.image, &sample::image())
                    .await
                    .unwrap();
                self.foods.create(&food).await.unwrap();
            }
            let who = signed_in(user.public.id);
            for id in [who.session, signed_in(who.user).session] {
                let now = self.clock.now();
                let begun = Session::begin(who.user, now, Duration::from_hours(1), None);
                let session = Session { id, ..begun };
                self.sessions.create(&session, now).await.unwrap();
            }
            (user, who)
        }

        async fn leave(&self, who: SignedIn) -> Result<(), DeleteUserError> {
            let Self {
                users,
                foods,
                images,
                sessions,
                clock,
            } = self;
            delete_user(users, foods, images, sessions, clock, who).await
        }
    }

    #[tokio::test]
    async fn who_leaves_leaves_nothing_and_others_keep_all() {
        let stores = Stores::default();
        let (ada, who) = stores.member(250).await;
        let (eve, _) = stores.member(2).await;
        // Asking again is fine.
        for _ in 0..2 {
            stores.leave(who).await.unwrap();
        }
        assert!(stores.users.account(ada.public.id).is_none());
        assert!(stores.users.account(eve.public.id).is_some());
        assert_eq!(stores.images.count(), 2);
        assert_eq!(stores.sessions.count(), 2);
        let everything = PageRequest {
            after: None,
            size: PageSize::default(),
        };
        let foods = stores.foods.list(everything).await.unwrap();
        assert!(foods.items.iter().all(|food| food.creator == eve.public));
        assert_eq!(foods.items.len(), 2);
        let everybody = PageRequest {
            after: None,
            size: PageSize::default(),
        };
        let left = stores.users.list_left(everybody).await.unwrap().items;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].user, ada.public.id);
    }

    #[tokio::test]
    async fn where_something_fails_the_session_lives_to_ask_again() {
        let stores = Stores::default();
        let (ada, who) = stores.member(3).await;
        let Stores {
            users,
            foods,
            images,
            sessions,
            clock,
        } = &stores;
        let failed = [
            delete_user(&unavailable(users), foods, images, sessions, clock, who).await,
            delete_user(users, &unavailable(foods), images, sessions, clock, who).await,
        ];
        for failed in failed {
            assert!(matches!(failed, Err(DeleteUserError::Repository(_))));
            let session = sessions.find(who.user, who.session, clock.now()).await;
            assert!(session.unwrap().is_some());
        }
        stores.leave(who).await.unwrap();
        assert!(users.account(ada.public.id).is_none());
        assert_eq!(sessions.count(), 0);
    }
}
