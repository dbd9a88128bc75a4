//! Recommending foods to a user.

use std::collections::{HashMap, HashSet};

use futures_util::future::try_join;

use super::listed_foods::FoodReader;
use crate::clock::Clock;
use crate::food::{Food, FoodCatalog, Title};
use crate::id::{FoodId, UserId};
use crate::like::{LikeRepository, Profile};
use crate::neighbours::NeighbourStore;
use crate::recommend::{self, CHOSEN, Candidate, PAGE, anonymous, choose, fresh_foods};
use crate::storage::StorageError;

/// The number of newest likes from which foods are recommended.
const LIKES: usize = 100;
/// The maximum number of foods that are read, chosen foods and reasons, if likes among the chosen foods are read too: they cost
/// as much as 60 foods.
const MAX_READ: usize = 54;
/// The number of chosen foods that are read at once: some more than a page, because some may be deleted, liked or own foods.
const STEP: usize = 25;
/// The number of likes from which a page has its full number of personal foods.
const FEW_LIKES: usize = 5;
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
/// 30. If foods were deleted, are of few creators or among older likes, some round trips more, but no units. With foods of
/// 20 KB it is at most 220 R.
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
        let mut quotas = model.quotas;
        if liked.len() < FEW_LIKES {
            quotas.personal = quotas.personal.min(liked.len());
        }
        choose(&candidates, &unknown, quotas)
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
    let mut liked = None;
    let mut budget = if may_be_liked.is_some() { MAX_READ } else { MAX_READ + CHOSEN };
    // The size of foods is known after the first step.
    let mut allowed = budget;
    let mut by_creator: HashMap<UserId, usize> = HashMap::new();
    let mut page = Vec::with_capacity(PAGE);
    let mut rest = chosen;
    loop {
        let missing = PAGE - page.len();
        let (step, foods) = next_step(&reader, rest, missing, allowed);
        if missing == 0 || step == 0 {
            break;
        }
        budget -= foods.len();
        let read = reader.read(&foods);
        match (&liked, may_be_liked) {
            (None, Some(user)) => {
                let (found, ()) = try_join(likes.find_liked(user, &ids), read).await?;
                liked = Some(found.into_iter().collect::<HashSet<_>>());
            }
            _ => read.await?,
        }
        let (read, after) = rest.split_at(step);
        for found in read {
            let Some(food) = reader.get(found.food) else { continue };
            let is_liked = liked.as_ref().is_some_and(|liked| liked.contains(&found.food));
            let of_creator = by_creator.entry(food.creator.id).or_default();
            if is_liked
                || user == Some(food.creator.id)
                || *of_creator == PER_CREATOR
                || page.len() == PAGE
            {
                continue;
            }
            *of_creator += 1;
            page.push(found);
        }
        rest = after;
        allowed = budget.min(reader.allowed());
    }
    // Of foods that were read in place of others.
    let mut reasons: Vec<_> = page.iter().filter_map(|found| found.because).collect();
    reasons.retain(|id| !reader.is_known(*id));
    reasons.truncate(allowed);
    reader.read(&reasons).await?;
    let recommendation = |found: &Candidate| {
        let because = found.because.and_then(|id| reader.get(id));
        let because = because.map(|food| Reason { id: food.id, title: food.title.clone() });
        Some(Recommendation { food: reader.get(found.food)?.clone(), because })
    };
    Ok(page.into_iter().filter_map(recommendation).collect())
}

/// Returns how many candidates are read next, and which foods: these, and the reasons of as many as the page still needs. These are at most
/// `allowed` foods.
fn next_step<C: FoodCatalog>(
    reader: &FoodReader<'_, C>,
    rest: &[Candidate],
    missing: usize,
    allowed: usize,
) -> (usize, Vec<FoodId>) {
    let (mut step, mut foods) = (0, Vec::new());
    for (nth, found) in rest.iter().take(STEP).enumerate() {
        let because = found.because.filter(|_| nth < missing);
        let new = [Some(found.food), because].into_iter().flatten();
        let new: Vec<_> = new.filter(|id| !reader.is_known(*id) && !foods.contains(id)).collect();
        if foods.len() + new.len() > allowed {
            break;
        }
        foods.extend(new);
        step += 1;
    }
    (step, foods)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::food::FoodRepository;
    use crate::neighbours::Model;
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
    async fn page_is_full_despite_one_dominant_creator() {
        let fixture = LikeFixture::new();
        let (ada, creator) = (new_user(), new_user().id);
        for nth in 0..40 {
            let liked = fixture.add_food().await;
            let owner = if nth < 20 { creator } else { new_user().id };
            let other = fixture.add_food_of(owner).await;
            fixture.like(ada, &liked).await;
            for _ in 0..if nth < 20 { 3 } else { 1 } {
                let user = new_user();
                fixture.like(user, &liked).await;
                fixture.like(user, &other).await;
            }
        }
        fixture.update().await;
        let page = recommended(&fixture, Some(ada.id)).await;
        assert_eq!(page.len(), PAGE);
        let of_creator = |found: &&Recommendation| found.food.creator.id == creator;
        assert_eq!(page.iter().filter(of_creator).count(), PER_CREATOR);
        let reasons: HashSet<_> = page
            .iter()
            .filter_map(|found| found.because.as_ref())
            .map(|because| because.id)
            .collect();
        // Of the 60 chosen foods, six are fresh and have no reason.
        assert!(reasons.len() >= PAGE - 6, "{}", reasons.len());
    }

    #[tokio::test]
    async fn five_likes_recommend_six_personal_foods() {
        let fixture = LikeFixture::new();
        let (liked, near) = (add_foods(&fixture, 5).await, add_foods(&fixture, 8).await);
        let popular = add_foods(&fixture, 40).await;
        let others: Vec<_> = (0..60).map(|_| new_user()).collect();
        for food in &popular {
            for other in &others {
                fixture.like(*other, food).await;
            }
        }
        let ada = new_user();
        for _ in 0..2 {
            let user = new_user();
            for food in liked.iter().chain(&near) {
                fixture.like(user, food).await;
            }
        }
        for food in &liked {
            fixture.like(ada, food).await;
        }
        fixture.update().await;
        // Only the quota lets personal foods in.
        let model = Model { trending: 1_000.0, ..Model::default() };
        fixture.likes.write_model(&model).await.unwrap();
        let page = recommended(&fixture, Some(ada.id)).await;
        let personal = page.iter().filter(|found| found.because.is_some()).count();
        assert_eq!(personal, 6);
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
