//! Deleting a user account.

use futures_util::future::join_all;
use thiserror::Error;

use super::AuthenticatedUser;
use super::delete_food::{DeleteFoodError, remove};
use super::unlike_food::delete_likes;
use crate::clock::Clock;
use crate::food::{FoodRepository, VersionPrecondition};
use crate::id::{FoodId, UserId};
use crate::image::ImageStore;
use crate::like::LikeRepository;
use crate::page::PageRequest;
use crate::session::SessionStore;
use crate::storage::StorageError;
use crate::user::UserRepository;

/// The number of foods that are deleted concurrently.
const CONCURRENCY: usize = 8;

/// Why the deletion is incomplete. A retry deletes the rest.
#[derive(Debug, Error)]
pub enum DeleteUserError {
    /// A food was not deleted, because concurrent updates kept changing it.
    #[error("too many concurrent updates of a food")]
    Busy,
    /// A store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Deletes the user's foods with their images, the account, which revokes all sessions, and the user's likes. The session of the
/// request is deleted last, so that the client can retry after a failure (see `authenticate_deletion`).
///
/// No food can be created without its account, so the second deletion of foods removes all that were created
/// concurrently. The list of foods is eventually consistent, and a request that was authenticated before may still like a
/// food; [`sweep_images`](super::sweep_images) deletes what was missed, by the tombstone of the account.
pub async fn delete_user(
    users: &impl UserRepository,
    foods: &impl FoodRepository,
    likes: &impl LikeRepository,
    images: &impl ImageStore,
    sessions: &impl SessionStore,
    clock: &impl Clock,
    user: AuthenticatedUser,
) -> Result<(), DeleteUserError> {
    delete_foods(foods, images, user.id).await?;
    users.delete(user.id, clock.now()).await?;
    delete_foods(foods, images, user.id).await?;
    delete_likes(likes, user.id).await?;
    Ok(sessions.revoke(user.id, user.session).await?)
}

/// Deletes all foods of the user, with their images.
pub(super) async fn delete_foods(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    owner: UserId,
) -> Result<(), DeleteUserError> {
    let mut after = None;
    loop {
        let page = foods.list_by_owner(owner, PageRequest::with_max_size(after)).await?;
        for ids in page.items.chunks(CONCURRENCY) {
            let deleted = ids.iter().map(|id| Box::pin(delete_one(foods, images, owner, *id)));
            let deleted = join_all(deleted).await;
            deleted.into_iter().collect::<Result<(), _>>()?;
        }
        after = page.items.last().copied();
        if !page.more {
            return Ok(());
        }
    }
}

/// Deletes one food of the user. Ignores a missing food, because the list of foods is eventually consistent.
async fn delete_one(
    foods: &impl FoodRepository,
    images: &impl ImageStore,
    owner: UserId,
    id: FoodId,
) -> Result<(), DeleteUserError> {
    let food = foods.find_consistent(id).await?;
    match remove(foods, images, owner, food, &VersionPrecondition::None).await {
        Ok(()) | Err(DeleteFoodError::NotFound | DeleteFoodError::NotOwner) => Ok(()),
        Err(DeleteFoodError::PreconditionFailed | DeleteFoodError::Busy) => {
            Err(DeleteUserError::Busy)
        }
        Err(DeleteFoodError::Storage(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::clock::Timestamp;
    use crate::food::{Food, InsertFoodError};
    use crate::like::Like;
    use crate::neighbours::{NeighbourStore, Top, Versioned};
    use crate::testing::{Fault, Faulty, MemoryFoods, contended, sample, unavailable};
    use crate::use_cases::test_support::{AuthFixture, FoodFixture};
    use crate::use_cases::{Change, list_likes, recommend, similar_food, update_recommendations};

    struct Fixture {
        auth: AuthFixture,
        food: FoodFixture,
    }

    impl Fixture {
        fn new() -> Self {
            let (auth, mut food) = (AuthFixture::new(), FoodFixture::new());
            food.foods = MemoryFoods::with_creators(auth.users.clone());
            Self { auth, food }
        }

        /// Adds a user with `foods` foods and two sessions; the first one makes the request.
        async fn user(&self, foods: usize) -> AuthenticatedUser {
            let public = self.auth.add_user("a hash").await.public;
            for _ in 0..foods {
                let food = sample::food(&public);
                self.food.images.store.put_image_of(&food);
                self.food.foods.create(&food).await.unwrap();
            }
            let (session, _) = self.auth.log_in(public.id).await;
            self.auth.log_in(public.id).await;
            AuthenticatedUser { id: public.id, session: session.id, credentials_version: 0 }
        }

        async fn delete(
            &self,
            users: &impl UserRepository,
            foods: &impl FoodRepository,
            user: AuthenticatedUser,
        ) -> Result<(), DeleteUserError> {
            let (images, clock) = (&self.food.images.store, &self.food.clock);
            let (likes, sessions) = (&self.food.likes, &self.auth.sessions);
            delete_user(users, foods, likes, images, sessions, clock, user).await
        }
    }

    #[tokio::test]
    async fn user_deletion_removes_data_of_that_user_only() {
        let fixture = Fixture::new();
        let (ada, eve) = (fixture.user(250).await, fixture.user(2).await);
        // The second iteration is a retry.
        for _ in 0..2 {
            let deleted = fixture.delete(&fixture.auth.users, &fixture.food.foods, ada).await;
            deleted.unwrap();
        }
        assert!(fixture.auth.users.account(ada.id).is_none());
        assert!(fixture.auth.users.account(eve.id).is_some());
        assert_eq!(fixture.food.images.store.count(), 8);
        // The other session of Ada is revoked, but stored until it expires.
        assert_eq!(fixture.auth.sessions.count(), 3);
        let all = fixture.food.foods.list(PageRequest::with_max_size(None));
        let foods = all.await.unwrap().items;
        let owners: Vec<_> = foods.iter().map(|food| food.creator.id).collect();
        assert_eq!(owners, [eve.id, eve.id]);
        let all = fixture.auth.users.list_tombstones(PageRequest::with_max_size(None));
        let tombstones = all.await.unwrap().items;
        let users: Vec<_> = tombstones.iter().map(|tombstone| tombstone.user).collect();
        assert_eq!(users, [ada.id]);
    }

    #[tokio::test]
    async fn food_created_during_user_deletion_is_deleted() {
        let fixture = Fixture::new();
        let (user, foods) = (fixture.user(2).await, &fixture.food.foods);
        let ada = fixture.auth.users.account(user.id).unwrap().public;
        let late = sample::food(&ada);
        // The foods are deleted, the account is not yet.
        let users = contended(&fixture.auth.users, "delete", async || {
            fixture.food.images.store.put_image_of(&late);
            foods.create(&late).await.unwrap();
        });
        fixture.delete(&users, foods, user).await.unwrap();
        assert_eq!(fixture.food.stored(&late).await, None);
        assert_eq!(fixture.food.images.store.count(), 0);
        let too_late = foods.create(&sample::food(&ada)).await;
        assert!(matches!(too_late, Err(InsertFoodError::CreatorGone)));
    }

    #[tokio::test]
    async fn likes_are_deleted_after_the_account() {
        let fixture = Fixture::new();
        let (ada, eve) = (fixture.user(0).await, fixture.user(0).await);
        let food = FoodId::new(sample::timestamp());
        let like = async |user: UserId, food| {
            let like = Like { user, food, liked_at: Timestamp::from_unix_millis(7).unwrap() };
            fixture.food.likes.create(&like).await.unwrap();
        };
        like(ada.id, food).await;
        like(eve.id, food).await;
        let late = FoodId::new(sample::timestamp());
        let users = contended(&fixture.auth.users, "delete", async || like(ada.id, late).await);
        fixture.delete(&users, &fixture.food.foods, ada).await.unwrap();
        assert!(fixture.food.likes.newest_likes(ada.id, 9).await.unwrap().is_empty());
        assert_eq!(fixture.food.likes.count(food).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn foods_of_a_deleted_user_are_in_no_list_after_one_delivery() {
        let fixture = Fixture::new();
        let (ada, eve, fan) = (fixture.user(5).await, fixture.user(5).await, fixture.user(0).await);
        let (foods, likes, clock) = (&fixture.food.foods, &fixture.food.likes, &fixture.food.clock);
        let all = foods.list(PageRequest::with_max_size(None)).await.unwrap().items;
        for food in &all {
            for user in [fan.id, UserId::new(sample::timestamp())] {
                let like = Like { user, food: food.id, liked_at: clock.now() };
                likes.create(&like).await.unwrap();
            }
        }
        let deliver = async || loop {
            let changed = likes.take_changes();
            if changed.is_empty() {
                return;
            }
            let of_likes = changed.into_iter().map(|(user, food)| Change::Like { user, food });
            let changes: Vec<_> =
                all.iter().map(|food| Change::Food(food.id)).chain(of_likes).collect();
            let report = update_recommendations(likes, likes, foods, clock, &changes).await;
            assert!(report.failed.is_empty(), "{:?}", report.errors);
        };
        deliver().await;
        let of_eve = all.iter().find(|food| food.creator.id == eve.id).unwrap().id;
        let lists = async || {
            let similar = similar_food(likes, foods, clock, of_eve).await.unwrap();
            let recommended = recommend(likes, likes, foods, clock, None).await.unwrap();
            let page = PageRequest::with_max_size(None);
            let liked = list_likes(likes, foods, fan, page).await.unwrap().foods;
            [similar, recommended.into_iter().map(|found| found.food).collect(), liked]
        };
        let creators =
            |foods: &[Food]| foods.iter().map(|food| food.creator.id).collect::<Vec<_>>();
        for found in lists().await {
            assert!(creators(&found).contains(&ada.id));
        }
        fixture.delete(&fixture.auth.users, foods, ada).await.unwrap();
        // Reading leaves them out before the deletion is delivered.
        let before_delivery = lists().await;
        // A like of another user is the only other change.
        let like = Like { user: eve.id, food: of_eve, liked_at: clock.now() };
        likes.create(&like).await.unwrap();
        deliver().await;
        for found in before_delivery.into_iter().chain(lists().await) {
            assert!(!found.is_empty());
            assert!(!creators(&found).contains(&ada.id));
        }
        let (_, top) = likes.find_top().await.unwrap();
        for food in all.iter().filter(|food| food.creator.id == ada.id) {
            assert_eq!(likes.count(food.id).await.unwrap(), 0);
            assert!(likes.find(&[food.id]).await.unwrap().is_empty());
            let is_listed =
                |list: &Versioned<Top>| list.value.as_slice().iter().any(|top| top.food == food.id);
            assert!(!top.iter().any(is_listed));
        }
    }

    #[tokio::test]
    async fn failed_user_deletion_keeps_session_for_a_retry() {
        let fixture = Fixture::new();
        let user = fixture.user(3).await;
        let (users, foods) = (&fixture.auth.users, &fixture.food.foods);
        let sessions = &fixture.auth.sessions;
        let lists = AtomicUsize::new(0);
        let without_second_list = Faulty::new(foods, async |method| {
            let is_list = method == "list_by_owner";
            if is_list && lists.fetch_add(1, Ordering::SeqCst) == 1 {
                return Fault::Unavailable;
            }
            Fault::None
        });
        for failed in [
            fixture.delete(&unavailable(users), foods, user).await,
            fixture.delete(users, &unavailable(foods), user).await,
            fixture.delete(users, &without_second_list, user).await,
        ] {
            assert!(matches!(failed, Err(DeleteUserError::Storage(_))));
            let session = sessions.find(user.id, user.session, fixture.food.clock.now());
            assert!(session.await.unwrap().is_some());
        }
        fixture.delete(users, foods, user).await.unwrap();
        assert!(users.account(user.id).is_none());
        let session = sessions.find(user.id, user.session, fixture.food.clock.now());
        assert!(session.await.unwrap().is_none());
    }
}
