//! Scores of foods for one user.

use std::collections::{HashMap, HashSet};

use super::decay::trend;
use crate::id::FoodId;
use crate::neighbours::{NeighbourList, Top};

/// A food that may be recommended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The food.
    pub food: FoodId,
    /// The score from the neighbours of foods that the user likes, from 0 to 1.
    pub personal: f64,
    /// The weighted score of a trending food.
    pub trending: f64,
    /// The liked food that weighed most; `None` if the food is only trending.
    pub because: Option<FoodId>,
}

impl Candidate {
    /// Returns a food without score and reason.
    pub(crate) fn without_reason(food: FoodId) -> Self {
        Self { food, personal: 0.0, trending: 0.0, because: None }
    }

    /// Returns the score by which candidates are ordered.
    pub fn score(&self) -> f64 {
        self.personal + self.trending
    }

    /// Returns whether the user's likes contribute at least half of the score.
    pub fn is_personal(&self) -> bool {
        self.personal > 0.0 && self.personal >= self.trending
    }
}

/// Scores foods that the user does not like yet; best first. `weight` is the weight of trending foods.
///
/// `liked` are the foods that the user likes, newest like first, with their neighbours.
pub fn rank(liked: &[(FoodId, NeighbourList)], trending: &Top, weight: f64) -> Vec<Candidate> {
    let mut sums: HashMap<FoodId, (f64, f32, FoodId)> = HashMap::new();
    for (food, list) in liked {
        for neighbour in list.as_slice() {
            let (sum, strongest, because) = sums.entry(neighbour.food).or_insert((0.0, 0.0, *food));
            *sum += f64::from(neighbour.weight);
            if neighbour.weight > *strongest {
                (*strongest, *because) = (neighbour.weight, *food);
            }
        }
    }
    let liked: HashSet<_> = liked.iter().map(|(food, _)| *food).collect();
    sums.retain(|food, _| !liked.contains(food));
    let largest = sums.values().map(|(sum, ..)| *sum).fold(0.0, f64::max);
    let mut candidates: HashMap<FoodId, Candidate> = sums
        .into_iter()
        .map(|(food, (sum, _, because))| {
            let personal = sum / largest;
            (food, Candidate { food, personal, trending: 0.0, because: Some(because) })
        })
        .collect();
    let hottest = trending.as_slice().first().map_or(0.0, |top| top.score);
    for top in trending.as_slice().iter().filter(|top| !liked.contains(&top.food)) {
        let new = Candidate::without_reason(top.food);
        candidates.entry(top.food).or_insert(new).trending = weight * trend(top.score, hottest);
    }
    let mut candidates: Vec<_> = candidates.into_values().collect();
    candidates.sort_unstable_by(|one, other| {
        other.score().total_cmp(&one.score()).then_with(|| one.food.cmp(&other.food))
    });
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbours::{TopFood, TopList};

    fn food(id: u8) -> FoodId {
        FoodId::from_bytes([id; 16])
    }

    /// Returns liked foods with their neighbours.
    fn liked(lists: &[(u8, &[(u8, f64)])]) -> Vec<(FoodId, NeighbourList)> {
        let list = |(id, list): &(u8, &[(u8, f64)])| {
            let weights = list.iter().map(|(id, weight)| (food(*id), *weight));
            (food(*id), NeighbourList::new(weights))
        };
        lists.iter().map(list).collect()
    }

    fn trending(foods: &[(u8, f32)]) -> Top {
        let top = |&(id, score)| TopFood { food: food(id), score };
        Top::new(TopList::Trending, foods.iter().map(top))
    }

    #[test]
    fn scores_are_sums_of_weights_with_the_strongest_as_reason() {
        let liked =
            liked(&[(1, &[(3, 0.25), (4, 0.5), (2, 9.0)]), (2, &[(3, 0.75), (5, 0.5)]), (9, &[])]);
        let ranked = rank(&liked, &Top::default(), 1.0);
        let summary: Vec<_> =
            ranked.iter().map(|found| (found.food, found.score(), found.because)).collect();
        assert_eq!(
            summary,
            [
                (food(3), 1.0, Some(food(2))),
                (food(4), 0.5, Some(food(1))),
                (food(5), 0.5, Some(food(2))),
            ]
        );
    }

    #[test]
    fn trending_foods_are_added_by_their_weight() {
        let liked = liked(&[(1, &[(2, 1.0), (3, 0.5)])]);
        let ranked = rank(&liked, &trending(&[(3, 8.0), (4, 7.0), (1, 9.0)]), 4.0);
        let summary: Vec<_> =
            ranked.iter().map(|found| (found.food, found.score(), found.is_personal())).collect();
        // Food 1 is the hottest, so food 3 has half of the weight.
        assert_eq!(summary, [(food(3), 2.5, false), (food(2), 1.0, true), (food(4), 1.0, false)]);
    }
}
