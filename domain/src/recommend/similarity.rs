//! Neighbour lists from profiles.

use std::collections::HashMap;

use crate::id::FoodId;
use crate::like::{LogLikes, Profile, count, to_f64};
use crate::neighbours::{NeighbourList, Weighting};

/// Returns whether a list must be computed again: the number of likes has changed by 10 % since. Up to 10 likes, each
/// changes the list.
pub fn is_stale(likes: u64, likes_then: u64) -> bool {
    likes != likes_then && likes.abs_diff(likes_then).saturating_mul(10) >= likes_then
}

/// Computes the neighbours of a food with `likes` likes from the profiles of users who like it.
///
/// The weight of a neighbour j of i is (common − d · expected) / (likes(i)^b · likes(j)^c), scaled by likes(i) / profiles.
/// `common` is Σ activity(u)^-a over the users u who like both, and `expected` what it were if these users had chosen by
/// popularity alone. a, b, c and d are the weighting. With `trained` weights, neighbours that users still like keep
/// them, and the others get a weight below these.
pub fn neighbours(
    food: FoodId,
    likes: u64,
    likers: &[Profile],
    weighting: &Weighting,
    trained: Option<&NeighbourList>,
) -> NeighbourList {
    let mut sums: HashMap<FoodId, (f64, LogLikes)> = HashMap::new();
    for profile in likers {
        let weight = to_f64(profile.likes()).powf(-weighting.activity);
        for entry in profile.entries() {
            let (sum, likes) = sums.entry(entry.food).or_insert((0.0, entry.likes));
            *sum += weight;
            // Profiles are packed at different times. The maximum does not depend on their order.
            *likes = entry.likes.max(*likes);
        }
    }
    sums.remove(&food);
    // In a fixed order, so that sums are equal bit by bit.
    let mut sums: Vec<_> =
        sums.into_iter().map(|(food, (sum, likes))| (food, sum, likes.likes())).collect();
    sums.sort_unstable_by_key(|(food, ..)| *food);
    let popularity = expected(sums.iter().map(|(_, sum, likes)| (*sum, *likes)), weighting);
    let likes = to_f64(likes.max(1));
    let read = to_f64(count(likers.len()).max(1));
    let scale = likes / read / likes.powf(weighting.source);
    let kept: HashMap<FoodId, f64> = trained
        .into_iter()
        .flat_map(NeighbourList::as_slice)
        .filter(|kept| sums.binary_search_by_key(&kept.food, |(food, ..)| *food).is_ok())
        .map(|kept| (kept.food, f64::from(kept.weight)))
        .collect();
    let weakest = kept.values().copied().fold(f64::INFINITY, f64::min);
    NeighbourList::new(sums.into_iter().map(|(food, sum, likes)| {
        let weight = scale * (sum - popularity * likes) / likes.powf(weighting.target);
        // A little less, so that it is below after rounding to 16 bits.
        (food, kept.get(&food).copied().unwrap_or_else(|| weight.min(weakest * 0.999)))
    }))
}

/// Returns which sum of a food, per like, is subtracted: the sums of all foods are divided by their popularity.
pub(super) fn expected(
    sums_and_likes: impl Iterator<Item = (f64, f64)>,
    weighting: &Weighting,
) -> f64 {
    let add = |(sum, likes): (f64, f64), (one, more)| (sum + one, likes + more);
    let (sum, likes) = sums_and_likes.fold((0.0, 0.0), add);
    if likes > 0.0 { weighting.expected * sum / likes } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::like::ProfileEntry;

    const PLAIN: Weighting = Weighting { activity: 0.0, source: 0.0, target: 0.0, expected: 0.0 };

    fn food(id: u8) -> FoodId {
        FoodId::from_bytes([id; 16])
    }

    /// Returns a profile of a user who likes these foods; each food has as many likes as its id.
    fn profile(foods: &[u8]) -> Profile {
        let entry = |id: &u8| ProfileEntry { food: food(*id), likes: LogLikes::new((*id).into()) };
        Profile::new(foods.iter().map(entry).collect(), 0)
    }

    fn weights(list: &NeighbourList) -> Vec<(FoodId, f32)> {
        list.as_slice().iter().map(|neighbour| (neighbour.food, neighbour.weight)).collect()
    }

    #[test]
    fn list_is_stale_after_a_change_of_10_percent() {
        for (likes, likes_then, stale) in [
            (0, 0, false),
            (1, 0, true),
            (10, 9, true),
            (9, 10, true),
            (12, 11, false),
            (13, 11, true),
            (100, 100, false),
            (109, 100, false),
            (110, 100, true),
            (90, 100, true),
            (u64::MAX, 1, true),
        ] {
            assert_eq!(is_stale(likes, likes_then), stale, "{likes} {likes_then}");
        }
    }

    #[test]
    fn plain_weights_count_common_likers() {
        let likers = [profile(&[1, 2, 3]), profile(&[1, 2]), profile(&[1, 4, 2])];
        let list = neighbours(food(1), 3, &likers, &PLAIN, None);
        assert_eq!(weights(&list), [(food(2), 3.0), (food(3), 1.0), (food(4), 1.0)]);
        // A sample of the likers counts for all.
        let list = neighbours(food(1), 6, &likers, &PLAIN, None);
        assert_eq!(weights(&list), [(food(2), 6.0), (food(3), 2.0), (food(4), 2.0)]);
    }

    #[test]
    fn active_users_and_popular_foods_weigh_less() {
        let likers = [profile(&[1, 2, 16]), profile(&[1, 64, 3, 4, 5, 6, 7, 8])];
        let weighting = Weighting { activity: 0.5, target: 0.5, ..PLAIN };
        let list = neighbours(food(1), 2, &likers, &weighting, None);
        let weight = |id| {
            let mut weights = weights(&list).into_iter();
            weights.find(|(other, _)| *other == food(id)).unwrap().1
        };
        let ratio = |one, other| weight(one) / weight(other);
        assert!((ratio(4, 64) - 4.0).abs() < 0.01);
        assert!((ratio(16, 4) - (8.0_f32 / 3.0).sqrt() / 2.0).abs() < 0.01);
    }

    #[test]
    fn likes_explained_by_popularity_alone_are_no_neighbours() {
        let likers = [profile(&[1, 100, 10]), profile(&[1, 100, 10]), profile(&[1, 100, 12])];
        let weighting = Weighting { expected: 1.0, ..PLAIN };
        let list = neighbours(food(1), 3, &likers, &weighting, None);
        let foods: Vec<_> = list.as_slice().iter().map(|neighbour| neighbour.food).collect();
        assert_eq!(foods, [food(10), food(12)]);
    }

    #[test]
    fn trained_weights_are_kept_above_new_neighbours() {
        let likers = [profile(&[1, 2, 3, 4]), profile(&[1, 4])];
        let trained = NeighbourList::new([(food(2), 0.5), (food(3), 0.7), (food(9), 0.9)]);
        let list = neighbours(food(1), 2, &likers, &PLAIN, Some(&trained));
        let (foods, weights): (Vec<_>, Vec<_>) = weights(&list).into_iter().unzip();
        assert_eq!(foods, [food(3), food(2), food(4)]);
        assert!(weights[2] < weights[1]);
    }
}
