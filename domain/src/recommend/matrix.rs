//! All likes at once, for training.

use std::collections::HashMap;

use super::parallel::parallel;
use super::ridge::ridge;
use super::similarity::expected;
use crate::id::FoodId;
use crate::like::{Profile, count, to_f64};
use crate::neighbours::{Model, NeighbourList, Weighting};

/// Foods of a [`LikeMatrix`], by their index, with positive weights.
pub type SparseList = Vec<(usize, f32)>;

/// The likes of all users. Users and foods are indexes.
#[derive(Debug, Clone, Default)]
pub struct LikeMatrix {
    /// The foods, in order of their ids.
    foods: Vec<FoodId>,
    /// The newest likes of each user, newest first, at most [`Profile::MAX`].
    by_user: Vec<Vec<usize>>,
    /// How many foods each user likes.
    activity: Vec<f64>,
    /// The users among whose newest likes each food is.
    by_food: Vec<Vec<usize>>,
    /// How many users like each food.
    likes: Vec<f64>,
}

impl LikeMatrix {
    /// Creates the matrix from the foods that each user likes, newest first.
    pub fn new<'a>(users: impl IntoIterator<Item = &'a [FoodId]> + Clone) -> Self {
        let mut foods: Vec<_> = users.clone().into_iter().flatten().copied().collect();
        foods.sort_unstable();
        foods.dedup();
        let index: HashMap<_, _> =
            foods.iter().enumerate().map(|(nth, food)| (*food, nth)).collect();
        let mut matrix = Self {
            by_food: vec![Vec::new(); foods.len()],
            likes: vec![0.0; foods.len()],
            foods,
            ..Self::default()
        };
        for (user, liked) in users.into_iter().enumerate() {
            let liked: Vec<_> = liked.iter().map(|food| index[food]).collect();
            for food in &liked {
                matrix.likes[*food] += 1.0;
            }
            let newest = &liked[..liked.len().min(Profile::MAX)];
            for food in newest {
                matrix.by_food[*food].push(user);
            }
            matrix.activity.push(to_f64(count(liked.len())));
            matrix.by_user.push(newest.to_vec());
        }
        matrix
    }

    /// Returns the foods: the index of a food is its position.
    pub fn foods(&self) -> &[FoodId] {
        &self.foods
    }

    /// Returns the newest likes of each user, newest first.
    pub fn users(&self) -> &[Vec<usize>] {
        &self.by_user
    }

    /// Computes the neighbour lists of all foods, as [`neighbours`](super::neighbours) does for one.
    pub fn lists(&self, weighting: &Weighting) -> Vec<SparseList> {
        let weights = self.user_weights(weighting.activity);
        let target: Vec<_> = self.likes.iter().map(|likes| likes.powf(-weighting.target)).collect();
        let list = |sums: &mut Sums, food: usize| {
            let source = self.likes[food].powf(-weighting.source);
            let others = sums.of(self, food, &weights).filter(|(other, _)| *other != food);
            let others: Vec<_> = others.collect();
            let popularity =
                expected(others.iter().map(|(other, sum)| (*sum, self.likes[*other])), weighting);
            strongest(others.into_iter().map(|(other, sum)| {
                (other, (sum - popularity * self.likes[other]) * source * target[other])
            }))
        };
        self.for_each_food(list)
    }

    /// Computes lists by ridge regression: for each food, the weights of its 100 strongest candidates that best predict
    /// its likes from theirs. This is SLIM with feature selection (Ning and Karypis 2011) in the closed form of EASE
    /// (Steck 2019). The result is a weighted mean with the `online` lists, which predicts better than each of them. Returns
    /// lists for each of `lambdas`, the regularization in likes.
    ///
    /// The weights have the scale of the `online` lists, because users may like foods with lists of both kinds.
    pub fn trained<'a>(
        &'a self,
        online: &'a [SparseList],
        lambdas: &[f64],
    ) -> impl Iterator<Item = Vec<SparseList>> + 'a {
        /// Likes of active users count less.
        const ACTIVITY: f64 = 0.25;
        let weights = self.user_weights(ACTIVITY);
        let mean = weights.iter().sum::<f64>() / to_f64(count(weights.len().max(1)));
        let counts = self.common_likes(&weights);
        let in_row = |row: usize, other: usize| {
            let found = counts[row].binary_search_by_key(&other, |(food, _)| *food as usize);
            found.map_or(0.0, |at| f64::from(counts[row][at].1))
        };
        // A number may be left out of one of the rows.
        let common = |one: usize, other: &usize| in_row(one, *other).max(in_row(*other, one));
        let predict = |(): &mut (), target: usize| {
            // The strongest neighbours of a food are also the strongest predictors of its likes.
            let candidates: Vec<_> = online[target].iter().map(|(food, _)| *food).collect();
            let row = |(nth, one): (usize, &usize)| {
                candidates[..=nth].iter().map(|other| common(*one, other)).collect()
            };
            let matrix: Vec<Vec<_>> = candidates.iter().enumerate().map(row).collect();
            let right: Vec<_> = candidates.iter().map(|other| common(target, other)).collect();
            let solve = |lambda| small_weights(&ridge(&matrix, &right, lambda * mean));
            lambdas.iter().copied().map(solve).collect::<Vec<_>>()
        };
        let solutions = parallel(self.foods.len(), || (), predict);
        // One after the other, because memory holds few of them.
        let lists = move |nth: usize| self.reversed(online, |target| &solutions[target][nth]);
        (0..lambdas.len()).map(lists)
    }

    /// Computes lists with the regularization of the model.
    pub fn trained_by(&self, online: &[SparseList], model: &Model) -> Vec<SparseList> {
        self.trained(online, &[model.ridge]).flatten().collect()
    }

    /// Returns for each food the weighted number of users who also like another food: the largest numbers, in order of the
    /// other foods.
    fn common_likes(&self, weights: &[f64]) -> Vec<Box<[(u32, f32)]>> {
        /// Limits the memory: 8 KB a food.
        const MAX: usize = 1_000;
        self.for_each_food(|sums, food| {
            let mut row: Vec<_> = sums.of(self, food, weights).map(small).collect();
            if row.len() > MAX {
                row.select_nth_unstable_by(MAX, |one, other| {
                    other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0))
                });
                row.truncate(MAX);
            }
            row.sort_unstable_by_key(|(other, _)| *other);
            row.as_slice().into()
        })
    }

    /// Returns the neighbours of candidates, from the weights by which the candidates predict each food. They are the mean
    /// with the `online` lists.
    fn reversed<'a>(
        &self,
        online: &[SparseList],
        weights: impl Fn(usize) -> &'a [f32],
    ) -> Vec<SparseList> {
        /// Likes of popular foods count less.
        const SOURCE: f64 = 0.2;
        /// The share of the online lists in the mean.
        const ONLINE: f64 = 0.5;
        let source: Vec<_> = self.likes.iter().map(|likes| likes.powf(-SOURCE)).collect();
        let mut lists = vec![Vec::new(); self.foods.len()];
        for (target, candidates) in online.iter().enumerate() {
            for ((food, _), weight) in candidates.iter().zip(weights(target)) {
                lists[*food].push((target, f64::from(*weight) * source[*food]));
            }
        }
        let positive = lists.iter().flatten().map(|(_, weight)| weight.max(0.0)).sum::<f64>();
        let sum: f64 = online.iter().flatten().map(|(_, weight)| f64::from(*weight)).sum();
        let scale = if positive > 0.0 { sum / positive } else { 0.0 };
        let mean = |(mut list, online): (Vec<(usize, f64)>, &SparseList)| {
            for (_, weight) in &mut list {
                *weight *= scale * (1.0 - ONLINE);
            }
            list.extend(online.iter().map(|(food, weight)| (*food, ONLINE * f64::from(*weight))));
            list.sort_unstable_by_key(|(food, _)| *food);
            list.dedup_by(|next, first| {
                let is_same = next.0 == first.0;
                first.1 += if is_same { next.1 } else { 0.0 };
                is_same
            });
            strongest(list.into_iter())
        };
        lists.into_iter().zip(online).map(mean).collect()
    }

    /// Converts lists to those that are stored.
    pub fn packed(&self, lists: &[SparseList]) -> Vec<NeighbourList> {
        let pack = |list: &SparseList| {
            NeighbourList::new(
                list.iter().map(|(food, weight)| (self.foods[*food], f64::from(*weight))),
            )
        };
        lists.iter().map(pack).collect()
    }

    /// Computes a value for each food, with sums that are reused.
    fn for_each_food<T: Send>(&self, compute: impl Fn(&mut Sums, usize) -> T + Sync) -> Vec<T> {
        parallel(self.foods.len(), || Sums::new(self.foods.len()), compute)
    }

    fn user_weights(&self, exponent: f64) -> Vec<f64> {
        self.activity.iter().map(|likes| likes.max(1.0).powf(-exponent)).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of the memory, and precise enough")]
fn small((food, count): (usize, f64)) -> (u32, f32) {
    (food as u32, count as f32)
}

#[expect(clippy::cast_possible_truncation, reason = "half of the memory, and precise enough")]
fn small_weights(weights: &[f64]) -> Vec<f32> {
    // Counts that are left out may make the equations unsolvable: then only the online weights count.
    let finite = |weight: &f64| if weight.is_finite() { *weight as f32 } else { 0.0 };
    weights.iter().map(finite).collect()
}

/// Returns the [`NeighbourList::MAX`] strongest positive weights, strongest first.
#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn strongest(weights: impl Iterator<Item = (usize, f64)>) -> SparseList {
    let mut list: SparseList = weights
        .map(|(food, weight)| (food, weight as f32))
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    let order = |one: &(usize, f32), other: &(usize, f32)| {
        other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0))
    };
    if list.len() > NeighbourList::MAX {
        list.select_nth_unstable_by(NeighbourList::MAX, order);
    }
    // A copy, because truncating keeps the memory of all.
    let mut list = list[..list.len().min(NeighbourList::MAX)].to_vec();
    list.sort_unstable_by(order);
    list
}

/// Sums per food, reused so that each list costs only its own entries.
struct Sums {
    sums: Vec<f64>,
    touched: Vec<usize>,
}

impl Sums {
    fn new(foods: usize) -> Self {
        Self { sums: vec![0.0; foods], touched: Vec::new() }
    }

    /// Sums the weights of the users who like `food`, for each food that they like.
    fn of(
        &mut self,
        matrix: &LikeMatrix,
        food: usize,
        weights: &[f64],
    ) -> impl Iterator<Item = (usize, f64)> {
        for user in &matrix.by_food[food] {
            for other in &matrix.by_user[*user] {
                if self.sums[*other] == 0.0 {
                    self.touched.push(*other);
                }
                self.sums[*other] += weights[*user];
            }
        }
        let sums = &mut self.sums;
        self.touched.drain(..).map(|other| (other, std::mem::take(&mut sums[other])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::like::{LogLikes, ProfileEntry};
    use crate::neighbours::Neighbour;
    use crate::recommend::neighbours;
    use crate::testing::sample::Random;

    const WEIGHTING: Weighting =
        Weighting { activity: 0.8, source: 0.7, target: 0.3, expected: 0.6 };

    /// Returns the likes of 80 users, who prefer foods of their own half.
    fn likes() -> Vec<Vec<FoodId>> {
        let mut random = Random::new(7);
        let user = |nth: usize| {
            let mut food = |_| {
                let foods = if random.below(5) == 0 { 32 } else { 16 };
                let food = (random.below(foods) + nth % 2 * 16) % 32;
                FoodId::from_bytes([u8::try_from(food).unwrap(); 16])
            };
            let mut liked: Vec<_> = (0..12).map(&mut food).collect();
            liked.sort_unstable();
            liked.dedup();
            liked
        };
        (0..80).map(user).collect()
    }

    fn matrix(likes: &[Vec<FoodId>]) -> LikeMatrix {
        LikeMatrix::new(likes.iter().map(Vec::as_slice))
    }

    #[test]
    fn lists_are_those_that_are_computed_online() {
        let likes = likes();
        let matrix = matrix(&likes);
        let lists = matrix.packed(&matrix.lists(&WEIGHTING));
        let count =
            |food: &FoodId| count(likes.iter().filter(|liked| liked.contains(food)).count());
        let entry = |food: &FoodId| {
            // The stored number of likes is rounded, and here it must be exact.
            ProfileEntry { food: *food, likes: LogLikes::new(count(food)) }
        };
        for (food, list) in matrix.foods().iter().zip(lists) {
            let likers = likes.iter().filter(|liked| liked.contains(food));
            let profiles: Vec<_> =
                likers.map(|liked| Profile::new(liked.iter().map(entry).collect(), 0)).collect();
            let online = neighbours(*food, count(food), &profiles, &WEIGHTING, None);
            let strongest = |list: &NeighbourList| list.as_slice()[0].weight;
            let ratio = strongest(&list) / strongest(&online);
            assert!((0.9..1.1).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn trained_lists_prefer_foods_of_the_same_users() {
        let likes = likes();
        let matrix = matrix(&likes);
        let online = matrix.lists(&WEIGHTING);
        let trained: Vec<_> = matrix.trained(&online, &[10.0]).flatten().collect();
        let sum =
            |lists: &[SparseList]| lists.iter().flatten().map(|(_, weight)| weight).sum::<f32>();
        let ratio = sum(&trained) / sum(&online);
        assert!((0.5..2.0).contains(&ratio), "{ratio}");
        for (food, list) in matrix.packed(&trained).iter().enumerate() {
            let half = |neighbour: &&Neighbour| {
                usize::from(neighbour.food.as_bytes()[0]) / 16 == food / 16
            };
            let first = &list.as_slice()[..5];
            assert!(first.iter().filter(half).count() >= 4, "{food}: {first:?}");
        }
    }

    #[test]
    fn weights_lead_from_a_food_to_those_it_predicts() {
        let food = |id: u8| FoodId::from_bytes([id; 16]);
        // All who like food 1 like food 2, but few who like food 2 like food 1.
        let likes: Vec<_> = (0..60)
            .map(|user| if user < 10 { vec![food(1), food(2)] } else { vec![food(2), food(3)] })
            .collect();
        let matrix = matrix(&likes);
        let symmetric = Weighting { activity: 0.5, source: 0.0, target: 0.0, expected: 0.0 };
        let online = matrix.lists(&symmetric);
        let trained: Vec<_> = matrix.trained(&online, &[1.0]).flatten().collect();
        let weight = |from: usize, to: usize| {
            trained[from].iter().find(|(food, _)| *food == to).map_or(0.0, |(_, weight)| *weight)
        };
        assert!(weight(0, 1) > 1.5 * weight(1, 0), "{trained:?}");
    }

    #[test]
    fn empty_matrix_has_no_lists() {
        let matrix = matrix(&[]);
        assert_eq!(matrix.trained(&matrix.lists(&WEIGHTING), &[100.0]).flatten().count(), 0);
    }
}
