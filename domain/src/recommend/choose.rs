//! The choice of foods from ranked candidates and from the lists that are the same for everybody.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::score::Candidate;
use crate::clock::Timestamp;
use crate::id::{FoodId, UserId};
use crate::neighbours::{Quotas, Top, TopFood, TopList};

/// The number of recommended foods.
pub const PAGE: usize = 20;
/// The number of foods that are chosen, because some may be deleted or belong to the user.
pub const CHOSEN: usize = 60;
/// The age up to which a food is fresh.
const FRESH_AGE: Duration = Duration::from_hours(7 * 24);
/// The number of likes from which a food is not fresh.
const FRESH_LIKES: u64 = 5;
/// The lists of ten foods for users without likes: 12 : 6 : 2 in a page.
const ANONYMOUS: [TopList; 10] = {
    use TopList::{Fresh as F, Popular as P, Trending as T};
    [T, T, P, T, T, P, T, T, F, P]
};

/// Chooses up to 60 candidates in the order in which they are recommended. Of each 20, at least `quotas.personal` are
/// personal and `quotas.fresh` are of `fresh`, as far as there are any; they are spread over the page.
///
/// `candidates` are ranked, best first.
pub fn choose(candidates: &[Candidate], fresh: &[FoodId], quotas: Quotas) -> Vec<Candidate> {
    let mut ranked = candidates.iter().copied();
    // The best foods by their personal score alone, without those that their rank places in the page.
    let ranked_in_page = PAGE.saturating_sub(quotas.personal + quotas.fresh.min(fresh.len()));
    let behind = candidates.iter().skip(ranked_in_page);
    let mut personal: Vec<_> = behind.filter(|found| found.personal > 0.0).copied().collect();
    personal.sort_by(|one, other| other.personal.total_cmp(&one.personal));
    let mut personal = personal.into_iter();
    let mut fresh = fresh.iter().map(|food| Candidate::without_reason(*food));
    let mut seen = HashSet::new();
    let mut next = |mut from: &mut dyn Iterator<Item = Candidate>| {
        Iterator::find(&mut from, |next| seen.insert(next.food))
    };

    let mut chosen: Vec<Candidate> = Vec::with_capacity(CHOSEN);
    let mut personal_in_page = 0;
    while chosen.len() < CHOSEN {
        let position = chosen.len() % PAGE;
        if position == 0 {
            personal_in_page = 0;
        }
        // Shifted by one, because the last personal food is at the end of the page.
        let is_fresh_slot = due(position + 1, quotas.fresh) > due(position, quotas.fresh);
        let is_personal_slot = due(position, quotas.personal) > personal_in_page;
        let from_quota = match (is_fresh_slot, is_personal_slot) {
            (true, _) => next(&mut fresh),
            (false, true) => next(&mut personal),
            (false, false) => None,
        };
        let Some(found) = from_quota.or_else(|| next(&mut ranked)) else { break };
        personal_in_page += usize::from(is_personal_slot || found.is_personal());
        chosen.push(found);
    }
    chosen
}

/// Returns how many of `quota` foods are due up to this position of a page.
fn due(position: usize, quota: usize) -> usize {
    (position + 1) * quota / PAGE
}

/// Chooses up to 60 foods for a user without likes: trending, popular and fresh foods in the ratio 12 : 6 : 2. A list that
/// is too short is replaced by the next.
pub fn anonymous(popular: &Top, trending: &Top, fresh: &[FoodId]) -> Vec<FoodId> {
    let foods = |top: &Top| top.as_slice().iter().map(|top| top.food).collect::<Vec<_>>();
    let mut lists = [foods(popular), foods(trending), fresh.to_vec()].map(Vec::into_iter);
    let mut seen = HashSet::new();
    let mut next = |list: TopList| lists[list as usize].find(|food| seen.insert(*food));
    let choose = ANONYMOUS.iter().cycle().map_while(|list| {
        next(*list)
            .or_else(|| next(TopList::Trending))
            .or_else(|| next(TopList::Popular))
            .or_else(|| next(TopList::Fresh))
    });
    choose.take(CHOSEN).collect()
}

/// Returns whether a food with this number of likes is fresh.
pub fn is_fresh(food: FoodId, likes: u64, now: Timestamp) -> bool {
    likes < FRESH_LIKES && now.since(food.created_at()) < FRESH_AGE
}

/// Returns the fresh foods of the list in an order that is the same all day, and another for each user.
pub fn fresh_foods(fresh: &Top, user: Option<UserId>, now: Timestamp) -> Vec<FoodId> {
    let day = now.unix_seconds() / 86_400;
    let order = |top: &TopFood| {
        let mut hasher = DefaultHasher::new();
        (user, day, top.food).hash(&mut hasher);
        (hasher.finish(), top.food)
    };
    let young = fresh.as_slice().iter().filter(|top| is_fresh(top.food, 0, now));
    let mut foods: Vec<_> = young.map(order).collect();
    foods.sort_unstable();
    foods.into_iter().map(|(_, food)| food).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTAS: Quotas = Quotas { personal: 6, fresh: 2 };

    fn food(id: u8) -> FoodId {
        FoodId::from_bytes([id; 16])
    }

    /// Returns 100 trending foods, then 100 personal ones.
    fn candidates() -> Vec<Candidate> {
        let candidate = |id: u8| {
            let score = f64::from(200 - id);
            let (personal, trending) = if id < 100 { (0.0, score) } else { (score / 200.0, 0.0) };
            Candidate { personal, trending, ..Candidate::without_reason(food(id)) }
        };
        (0..200).map(candidate).collect()
    }

    fn ids(chosen: &[Candidate]) -> Vec<u8> {
        chosen.iter().map(|found| found.food.as_bytes()[0]).collect()
    }

    #[test]
    fn without_quotas_the_ranking_is_kept() {
        let none = Quotas { personal: 0, fresh: 0 };
        let chosen = choose(&candidates(), &[food(200)], none);
        assert_eq!(ids(&chosen), (0..60).collect::<Vec<_>>());
    }

    #[test]
    fn quotas_are_spread_over_each_page() {
        let fresh: Vec<_> = (200..206).map(food).collect();
        let chosen = choose(&candidates(), &fresh, QUOTAS);
        let first = [0, 1, 2, 100, 3, 4, 101, 5, 200, 102];
        let second = [6, 7, 8, 103, 9, 10, 104, 11, 201, 105];
        assert_eq!(ids(&chosen)[..20], [first, second].concat());
        for page in ids(&chosen).chunks(20) {
            let kinds = [0..100, 100..200, 200..206];
            let counts = kinds.map(|kind| page.iter().filter(|id| kind.contains(*id)).count());
            assert_eq!(counts, [12, 6, 2]);
        }
    }

    #[test]
    fn personal_quota_counts_personal_foods_of_the_ranking() {
        let mut ranked = candidates();
        ranked.rotate_left(100);
        let chosen = choose(&ranked, &[], QUOTAS);
        assert_eq!(ids(&chosen), (100..160).collect::<Vec<_>>());
    }

    #[test]
    fn short_lists_are_filled_and_nothing_is_chosen_twice() {
        let chosen = choose(&candidates()[95..105], &[food(97), food(97)], QUOTAS);
        let mut all = ids(&chosen);
        all.sort_unstable();
        assert_eq!(all, (95..105).collect::<Vec<_>>());
    }

    #[test]
    fn users_without_likes_get_trending_popular_and_fresh_foods() {
        let top = |list, ids: std::ops::Range<u8>| {
            Top::new(list, ids.map(|id| TopFood { food: food(id), score: -f32::from(id) }))
        };
        let (popular, trending) = (top(TopList::Popular, 0..50), top(TopList::Trending, 40..90));
        let fresh: Vec<_> = (100..110).map(food).collect();
        let page = &anonymous(&popular, &trending, &fresh)[..20];
        let count = |ids: std::ops::Range<u8>| {
            page.iter().filter(|food| ids.contains(&food.as_bytes()[0])).count()
        };
        assert_eq!([count(0..40), count(40..90), count(100..110)], [6, 12, 2]);
        assert_eq!(anonymous(&popular, &Top::default(), &[]).len(), 50);
    }

    #[test]
    fn order_of_fresh_foods_changes_with_user_and_day() {
        let now = Timestamp::from_unix_seconds(1_792_002_005).unwrap();
        let days = |days: u32| now.plus(Duration::from_hours(24) * days);
        let foods: Vec<_> = (0..50).map(|_| FoodId::new(now)).collect();
        let top = |food: &FoodId| TopFood { food: *food, score: 0.0 };
        let list = Top::new(TopList::Fresh, foods.iter().map(top));
        let [ada, eve] = [1, 2].map(|id| Some(UserId::from_bytes([id; 16])));
        let order = fresh_foods(&list, ada, now);
        assert_eq!(order.len(), 50);
        assert_eq!(order, fresh_foods(&list, ada, now));
        assert_ne!(order, fresh_foods(&list, eve, now));
        assert_ne!(order, fresh_foods(&list, ada, days(1)));
        assert!(fresh_foods(&list, ada, days(8)).is_empty());
        assert!(!is_fresh(foods[0], 5, now));
    }
}
