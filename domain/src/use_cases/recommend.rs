//! Recommending foods to a user.

use std::collections::{HashMap, HashSet};

use futures_util::future::try_join;

use super::listed_foods::{FoodReader, STEP};
use crate::clock::Clock;
use crate::food::{Food, FoodCatalog, Title};
use crate::id::{FoodId, UserId};
use crate::like::{LikeRepository, Profile};
use crate::neighbours::{NeighbourStore, Quotas};
use crate::recommend::{self, Candidate, PAGE, anonymous, choose, fresh_foods};
use crate::storage::StorageError;

/// The number of newest likes from which foods are recommended.
const LIKES: usize = 100;
/// The maximum number of foods that are read: chosen foods and reasons.
const MAX_READ: usize = 54;
/// The maximum number of recommended foods of one creator.
const PER_CREATOR: usize = 3;

/// A recommended food.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// The food.
    pub food: Food,
    /// The liked food that weighed most; `None` for a trending, popular or fresh food.
    pub because: Option<Reason>,
}

/// A liked food because of which another is recommended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The id of the liked food.
    pub id: FoodId,
    /// Its title.
    pub title: Title,
}

/// Recommends at most 20 foods that the user neither likes nor created. Without a user or without likes these are
/// trending, popular and fresh foods. The caller must check the session of the user, and may do so concurrently.
///
/// The cost does not grow with users, foods or likes. For foods of up to 4 KB it is at most 113 R, in three round trips:
/// the newest likes 3, the profile ½, parameters and lists 2 (cached), neighbours 50, foods and reasons 27, likes among them
/// 30. If foods were deleted, belong to the user or are among their older likes, two round trips more, but no units.
pub async fn recommend(
    likes: &impl LikeRepository,
    neighbours: &impl NeighbourStore,
    catalog: &impl FoodCatalog,
    clock: &impl Clock,
    user: Option<UserId>,
) -> Result<Vec<Recommendation>, StorageError> {
    let of_user = async {
        match user {
            Some(user) => try_join(likes.newest_likes(user, LIKES), profile(likes, user)).await,
            None => Ok((Vec::new(), None)),
        }
    };
    let ((newest, profile), (model, [popular, trending, fresh])) =
        try_join(of_user, neighbours.find_top()).await?;
    let fresh = fresh_foods(&fresh.value, user, clock.now());
    let liked: Vec<_> = newest.iter().map(|like| like.food).collect();
    let chosen = if liked.is_empty() {
        let foods = anonymous(&popular.value, &trending.value, &fresh);
        foods.into_iter().map(Candidate::without_reason).collect()
    } else {
        let mut stored: HashMap<_, _> = neighbours.find(&liked).await?.into_iter().collect();
        let mut list = |food| stored.remove(&food).map(|stored| stored.value.list);
        let lists: Vec<_> =
            liked.iter().map(|food| (*food, list(*food).unwrap_or_default())).collect();
        let mut candidates = recommend::rank(&lists, &trending.value, model.trending);
        let older = profile.iter().flat_map(Profile::entries).map(|entry| entry.food);
        let known: HashSet<_> = older.chain(liked.iter().copied()).collect();
        candidates.retain(|found| !known.contains(&found.food));
        let unknown: Vec<_> = fresh.into_iter().filter(|food| !known.contains(food)).collect();
        // Few likes say little, so they recommend few foods.
        let personal = model.quotas.personal.min(liked.len());
        choose(&candidates, &unknown, Quotas { personal, ..model.quotas })
    };
    // Of more likes, only the newest were read; the profile may be outdated.
    let may_be_liked = user.filter(|_| liked.len() == LIKES);
    read(likes, catalog, user, may_be_liked, &chosen).await
}

async fn profile(
    likes: &impl LikeRepository,
    user: UserId,
) -> Result<Option<Profile>, StorageError> {
    let found = likes.find_profiles(&[user]).await?;
    Ok(found.into_iter().next().map(|(_, stored)| stored.value))
}

/// Reads the chosen foods in this order until 20 remain.
async fn read(
    likes: &impl LikeRepository,
    catalog: &impl FoodCatalog,
    user: Option<UserId>,
    may_be_liked: Option<UserId>,
    chosen: &[Candidate],
) -> Result<Vec<Recommendation>, StorageError> {
    let ids: Vec<_> = chosen.iter().map(|found| found.food).collect();
    let mut reader = FoodReader::new(catalog);
    let (mut liked, mut budget) = (None, MAX_READ);
    let mut by_creator: HashMap<UserId, usize> = HashMap::new();
    let mut page = Vec::with_capacity(PAGE);
    let mut rest = chosen;
    while page.len() < PAGE && budget > 0 && !reader.is_full() && !rest.is_empty() {
        let (step, step_ids) = next_step(rest, budget);
        budget -= step_ids.len().min(budget);
        let read = reader.read(&step_ids);
        match (&liked, may_be_liked) {
            (None, Some(user)) => {
                let (found, ()) = try_join(likes.find_liked(user, &ids), read).await?;
                liked = Some(found.into_iter().collect::<HashSet<_>>());
            }
            _ => read.await?,
        }
        for found in &rest[..step] {
            let Some(food) = reader.get(found.food).cloned() else { continue };
            let is_liked = liked.as_ref().is_some_and(|liked| liked.contains(&found.food));
            let creator = food.creator.id;
            let of_creator = by_creator.entry(creator).or_default();
            if is_liked || user == Some(creator) || *of_creator == PER_CREATOR {
                continue;
            }
            *of_creator += 1;
            let because = found.because.and_then(|id| reader.get(id));
            let because = because.map(|food| Reason { id: food.id, title: food.title.clone() });
            page.push(Recommendation { food, because });
        }
        rest = &rest[step..];
    }
    page.truncate(PAGE);
    Ok(page)
}

/// Returns how many candidates are read next, and which foods with their reasons: at most `budget`.
fn next_step(rest: &[Candidate], budget: usize) -> (usize, Vec<FoodId>) {
    let (mut step, mut ids) = (0, Vec::new());
    for found in rest.iter().take(STEP) {
        let new = [Some(found.food), found.because].into_iter().flatten();
        let new: Vec<_> = new.filter(|id| !ids.contains(id)).collect();
        if ids.len() + new.len() > budget {
            break;
        }
        ids.extend(new);
        step += 1;
    }
    (step.max(1), ids)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::food::FoodRepository;
    use crate::testing::{Fault, Faulty, sample, unavailable};
    use crate::use_cases::test_support::{LikeFixture, new_user};

    async fn recommended(fixture: &LikeFixture, user: Option<UserId>) -> Vec<Recommendation> {
        let (likes, foods) = (&fixture.likes, &fixture.foods);
        recommend(likes, likes, foods, &fixture.clock, user).await.unwrap()
    }

    fn ids(page: &[Recommendation]) -> Vec<FoodId> {
        page.iter().map(|found| found.food.id).collect()
    }

    /// Adds foods of as many creators.
    async fn add_foods(fixture: &LikeFixture, count: usize) -> Vec<Food> {
        let mut foods = Vec::new();
        for _ in 0..count {
            foods.push(fixture.add_food().await);
        }
        foods
    }

    #[tokio::test]
    async fn like_changes_the_next_recommendations() {
        let fixture = LikeFixture::new();
        let foods = add_foods(&fixture, 4).await;
        for _ in 0..5 {
            let user = new_user();
            for food in &foods[..2] {
                fixture.like(user, food).await;
            }
        }
        for _ in 0..9 {
            fixture.like(new_user(), &foods[2]).await;
        }
        fixture.update().await;
        let ada = new_user();
        let before = recommended(&fixture, Some(ada.id)).await;
        assert_eq!(ids(&before)[0], foods[2].id);
        assert!(before.iter().all(|found| found.because.is_none()));
        fixture.like(ada, &foods[0]).await;
        // Nothing was delivered since.
        let after = recommended(&fixture, Some(ada.id)).await;
        assert_eq!(ids(&after)[0], foods[1].id);
        let reason = Reason { id: foods[0].id, title: foods[0].title.clone() };
        assert_eq!(after[0].because, Some(reason));
        assert!(!ids(&after).contains(&foods[0].id));
    }

    #[tokio::test]
    async fn own_liked_and_deleted_foods_are_never_recommended() {
        for seed in 0..30 {
            let (fixture, mut random) = (LikeFixture::new(), sample::Random::new(seed));
            let users: Vec<_> = (0..20).map(|_| new_user()).collect();
            let mut foods = Vec::new();
            for _ in 0..60 {
                let owner = users[random.below(users.len())].id;
                foods.push(fixture.add_food_of(owner).await);
            }
            let likes = 30 + random.below(400);
            for nth in 0..likes {
                let (user, food) = (users[random.below(20)], &foods[random.below(60)]);
                if food.creator.id != user.id {
                    fixture.like(user, food).await;
                }
                if nth == likes / 2 {
                    fixture.update().await;
                    if random.below(2) == 0 {
                        fixture.train().await;
                    }
                }
            }
            let deleted = foods[random.below(60)].id;
            fixture.delete_food(deleted).await;
            for user in &users {
                let page = recommended(&fixture, Some(user.id)).await;
                assert!(page.len() <= PAGE);
                let ids = ids(&page);
                let liked = fixture.likes.find_liked(user.id, &ids).await.unwrap();
                assert!(liked.is_empty());
                assert!(!ids.contains(&deleted));
                assert!(page.iter().all(|found| found.food.creator.id != user.id));
                let unique: HashSet<_> = ids.iter().collect();
                assert_eq!(unique.len(), ids.len());
                for found in &page {
                    let creator = found.food.creator.id;
                    let of_creator = |other: &&Recommendation| other.food.creator.id == creator;
                    assert!(page.iter().filter(of_creator).count() <= PER_CREATOR);
                }
            }
        }
    }

    #[tokio::test]
    async fn older_likes_than_were_read_are_not_recommended() {
        let fixture = LikeFixture::new();
        let foods = add_foods(&fixture, 150).await;
        let ada = new_user();
        let others: Vec<_> = (0..3).map(|_| new_user()).collect();
        for food in &foods[..130] {
            fixture.like(ada, food).await;
        }
        for food in &foods {
            for other in &others {
                fixture.like(*other, food).await;
            }
        }
        fixture.update().await;
        let unknown: Vec<_> = foods[130..].iter().map(|food| food.id).collect();
        let page = recommended(&fixture, Some(ada.id)).await;
        assert!(ids(&page).iter().all(|id| unknown.contains(id)));
        // The profile is outdated until the stream is delivered.
        let stored = fixture.likes.find_profiles(&[ada.id]).await.unwrap();
        let version = Some(stored[0].1.version);
        fixture.likes.write_profile(ada.id, None, version).await.unwrap();
        let page = recommended(&fixture, Some(ada.id)).await;
        assert!(ids(&page).iter().all(|id| unknown.contains(id)));
    }

    #[tokio::test]
    async fn anonymous_callers_get_trending_popular_and_fresh_foods() {
        let fixture = LikeFixture::new();
        assert!(recommended(&fixture, None).await.is_empty());
        let old = add_foods(&fixture, 30).await;
        for (nth, food) in old.iter().enumerate() {
            for _ in 0..=nth {
                fixture.like(new_user(), food).await;
            }
        }
        fixture.update().await;
        let page = recommended(&fixture, None).await;
        assert_eq!(page.len(), PAGE);
        assert!(page.iter().all(|found| found.because.is_none()));
        assert_eq!(page[0].food.id, old[29].id);
        assert_eq!(page[0].food.likes, 30);
        assert_eq!(ids(&page), ids(&recommended(&fixture, None).await));
        fixture.clock.advance(Duration::from_hours(24));
        assert_eq!(recommended(&fixture, None).await.len(), PAGE);
    }

    #[tokio::test]
    async fn calls_and_foods_of_a_request_are_limited() {
        let fixture = LikeFixture::new();
        let foods = add_foods(&fixture, 200).await;
        let ada = new_user();
        let others: Vec<_> = (0..5).map(|_| new_user()).collect();
        for food in &foods[..LIKES] {
            fixture.like(ada, food).await;
        }
        for food in &foods[90..] {
            for other in &others {
                fixture.like(*other, food).await;
            }
        }
        fixture.update().await;
        for (deleted, calls) in [(0, 3), (60, 5)] {
            for food in &foods[200 - deleted..] {
                fixture.delete_food(food.id).await;
            }
            let called = Mutex::new(Vec::new());
            let count = async |method| {
                called.lock().unwrap().push(method);
                Fault::None
            };
            let likes = Faulty::new(&fixture.likes, count);
            let catalog = Faulty::new(&fixture.foods, count);
            let page = recommend(&likes, &likes, &catalog, &fixture.clock, Some(ada.id));
            page.await.unwrap();
            let called = called.lock().unwrap();
            let count = |name| called.iter().filter(|method| **method == name).count();
            let once =
                ["newest_likes", "find_profiles", "find_top", "find", "find_liked"].map(count);
            assert_eq!(once, [1; 5]);
            // After the newest likes and the neighbours.
            assert!(2 + count("find_many") <= calls, "{called:?}");
        }
    }

    #[tokio::test]
    async fn propagates_storage_errors() {
        let fixture = LikeFixture::new();
        let (likes, foods, clock) = (&fixture.likes, &fixture.foods, &fixture.clock);
        let user = Some(new_user().id);
        fixture.like(new_user(), &fixture.add_food().await).await;
        fixture.update().await;
        let down = unavailable(likes);
        assert!(recommend(&down, likes, foods, clock, user).await.is_err());
        assert!(recommend(likes, &down, foods, clock, None).await.is_err());
        assert!(recommend(likes, likes, &unavailable(foods), clock, None).await.is_err());
        let food = fixture.foods.find(FoodId::from_bytes([0; 16])).await;
        assert!(food.unwrap().is_none());
    }
}
