//! The selection of parameters: which of them best predict likes that were held out.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::matrix::{LikeMatrix, SparseList};
use super::parallel::parallel;
use crate::neighbours::{Model, Weighting};
use crate::recommend::PAGE;

/// The number of likes from which foods are recommended.
const LIKES: usize = 100;
/// The weightings that are tried: activity, source, target and expected. The first is the default, the second are plain
/// counts. They are few and differ clearly, because the difference of similar ones is chance.
const WEIGHTINGS: [[f64; 4]; 6] = [
    [0.8, 0.9, 0.3, 0.6],
    [0.5, 0.0, 0.0, 0.0],
    [0.8, 0.0, 0.0, 0.0],
    [0.8, 0.3, 0.2, 0.0],
    [0.8, 0.6, 0.5, 0.0],
    [0.8, 0.5, 0.3, 0.3],
];
/// The regularizations that are tried, in likes. The first is the default; similar ones differ by chance.
const RIDGE: [f64; 4] = [100.0, 30.0, 300.0, 1_000.0];
/// The weights of trending foods that are tried.
const TRENDING: [f64; 8] = [0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0];
/// How much better other lists must be than those before, so that chance does not change all lists every night.
const MARGIN: f64 = 1.03;
/// How much better trained lists must be.
const GATE: f64 = 1.02;

/// The newest likes of a user, which were held out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldOut {
    /// The user's other likes, newest first.
    pub liked: Vec<usize>,
    /// The foods that the user liked next.
    pub next: Vec<usize>,
}

/// The trending foods with one half-life.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// The half-life; `None` if likes count forever.
    pub half_life: Option<Duration>,
    /// Foods of the matrix and how much they trend, from 0 to 1.
    pub foods: Vec<(usize, f64)>,
}

/// Likes, without those that were held out.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// The likes.
    pub matrix: LikeMatrix,
    /// The likes that were held out.
    pub held_out: Vec<HeldOut>,
    /// The trending foods with each half-life that is tried.
    pub trends: Vec<Trend>,
}

impl Experiment {
    /// Returns the number of users with held-out likes.
    pub fn users(&self) -> usize {
        self.held_out.len()
    }
}

/// Selects weighting and regularization by the lists alone. The experiment has users. Returns the parameters, and whether trained lists are better than
/// online lists, by 2 %.
pub fn select_lists(experiment: &Experiment) -> (Model, bool) {
    let Experiment { matrix, held_out, .. } = experiment;
    let mut model = Model::default();
    let all = WEIGHTINGS.into_iter().map(|[activity, source, target, expected]| Weighting {
        activity,
        source,
        target,
        expected,
    });
    let online = all.map(|weighting| (matrix.lists(&weighting), weighting));
    let (measure, (online, weighting)) =
        best(MARGIN, online, |(lists, _)| personal(lists, held_out));
    (model.measures.online, model.weighting) = (measure, weighting);

    let trained = matrix.trained(&online, &RIDGE).zip(RIDGE);
    let (measure, (_, ridge)) = best(MARGIN, trained, |(lists, _)| personal(lists, held_out));
    (model.measures.trained, model.ridge) = (measure, ridge);
    model.measures.users = u64::try_from(experiment.users()).unwrap_or(u64::MAX);
    let is_better = measure > GATE * model.measures.online;
    (model, is_better)
}

/// Selects half-life and weight of trending foods by all experiments (at least one) together. Each has the same half-lives.
pub fn select_trending(experiments: &[Experiment], trained: bool, model: &mut Model) {
    let mut sums = vec![0.0; experiments[0].trends.len() * TRENDING.len()];
    for Experiment { matrix, held_out, trends } in experiments {
        let online = matrix.lists(&model.weighting);
        let lists = if trained { matrix.trained_by(&online, model) } else { online };
        let trending = trends.iter().flat_map(|trend| &trend.foods).map(|(food, _)| *food);
        let scores = all_scores(&lists, held_out, &trending.collect());
        let settings = trends.iter().flat_map(|trend| TRENDING.map(|weight| (trend, weight)));
        for (sum, (trend, weight)) in sums.iter_mut().zip(settings) {
            *sum += gain(&scores, &trend.foods, weight, held_out);
        }
    }
    let users = experiments.iter().map(Experiment::users).sum();
    let (sum, nth) = best(1.0, 0..sums.len(), |nth| sums[*nth]);
    if sum > 0.0 {
        model.half_life = experiments[0].trends[nth / TRENDING.len()].half_life;
        model.trending = TRENDING[nth % TRENDING.len()];
        model.measures.blended = sum / count(users);
    }
}

/// Returns the value with the largest measure. Of several values, a later one must be better by the factor `margin`.
fn best<T>(margin: f64, values: impl Iterator<Item = T>, measure: impl Fn(&T) -> f64) -> (f64, T) {
    let mut values = values.map(|value| (measure(&value), value));
    let first = values.next().expect("at least one value");
    values.fold(first, |best, next| if next.0 > margin * best.0 { next } else { best })
}

/// Returns the scores of foods from the lists of liked foods, the largest as 1.
fn scores(lists: &[SparseList], liked: &[usize]) -> Vec<(usize, f64)> {
    let mut sums = HashMap::new();
    for (food, weight) in liked.iter().take(LIKES).flat_map(|food| &lists[*food]) {
        *sums.entry(*food).or_insert(0.0) += f64::from(*weight);
    }
    for food in liked {
        sums.remove(food);
    }
    let largest = sums.values().copied().fold(0.0, f64::max);
    sums.into_iter().map(|(food, sum)| (food, sum / largest)).collect()
}

/// Returns the scores of each user that can be in a page: those of `trending` foods and the best others.
fn all_scores(
    lists: &[SparseList],
    held_out: &[HeldOut],
    trending: &HashSet<usize>,
) -> Vec<Vec<(usize, f64)>> {
    let user = |(): &mut (), nth: usize| {
        let all = scores(lists, &held_out[nth].liked).into_iter();
        let (mut kept, mut others): (Vec<_>, Vec<_>) =
            all.partition(|(food, _)| trending.contains(food));
        keep_best(&mut others);
        kept.append(&mut others);
        kept
    };
    parallel(held_out.len(), || (), user)
}

/// Keeps the best 20, in any order.
fn keep_best(scores: &mut Vec<(usize, f64)>) {
    if scores.len() > PAGE {
        scores.select_nth_unstable_by(PAGE, best_first);
        scores.truncate(PAGE);
    }
}

fn best_first(one: &(usize, f64), other: &(usize, f64)) -> Ordering {
    other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0))
}

/// Returns the mean nDCG@20 of the lists alone.
fn personal(lists: &[SparseList], held_out: &[HeldOut]) -> f64 {
    let scores = all_scores(lists, held_out, &HashSet::new());
    gain(&scores, &[], 0.0, held_out) / count(held_out.len())
}

fn count(number: usize) -> f64 {
    crate::like::to_f64(u64::try_from(number).unwrap_or(u64::MAX))
}

/// Returns the sum over all users of nDCG@20, of scores with a weight of trending foods.
fn gain(
    scores: &[Vec<(usize, f64)>],
    trending: &[(usize, f64)],
    weight: f64,
    held_out: &[HeldOut],
) -> f64 {
    let gain = |(scores, held): (&Vec<(usize, f64)>, &HeldOut)| {
        let mut all: HashMap<usize, f64> = scores.iter().copied().collect();
        for (food, trend) in trending.iter().filter(|(food, _)| !held.liked.contains(food)) {
            *all.entry(*food).or_default() += weight * trend;
        }
        let mut page: Vec<_> = all.into_iter().collect();
        keep_best(&mut page);
        page.sort_unstable_by(best_first);
        ndcg(page.into_iter().map(|(food, _)| held.next.contains(&food)), held.next.len())
    };
    scores.iter().zip(held_out).map(gain).sum()
}

/// Returns the discounted gain of a page by that of the best page. `hits` are its foods, whether each is one of `relevant`
/// foods.
fn ndcg(hits: impl Iterator<Item = bool>, relevant: usize) -> f64 {
    let gain = |position: u32| f64::from(position + 2).log2().recip();
    let gained: f64 = (0..).zip(hits).filter(|(_, hit)| *hit).map(|(nth, _)| gain(nth)).sum();
    let best: f64 = (0..).take(relevant.min(PAGE)).map(gain).sum();
    gained / best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::FoodId;

    /// Returns an experiment with two groups of 30 users. Those of the first like foods 0 to 9, those of the second foods 10
    /// to 19, each all but one. Ten users of each group like next what `next` returns for their missing food.
    fn experiment(next: impl Fn(usize) -> usize) -> Experiment {
        let food = |nth: usize| FoodId::from_bytes([u8::try_from(nth).unwrap(); 16]);
        let missing = |user: usize| user / 30 * 10 + user % 10;
        let likes = |user: usize| {
            let group = user / 30 * 10..user / 30 * 10 + 10;
            group.filter(|nth| *nth != missing(user)).map(food).collect::<Vec<_>>()
        };
        let users: Vec<_> = (0..60).map(likes).collect();
        let matrix = LikeMatrix::new(users.iter().map(Vec::as_slice));
        let tested = (0..60).filter(|user| user % 3 == 0);
        let held_out = tested.map(|user| HeldOut {
            liked: matrix.users()[user].clone(),
            next: vec![next(missing(user))],
        });
        let held_out = held_out.collect();
        // The lower its number, the more a food trends.
        let trend = |half_life| {
            let foods = (0..20).map(|nth| (nth, f64::from(u8::try_from(20 - nth).unwrap()) / 20.0));
            Trend { half_life, foods: foods.collect() }
        };
        let trends = vec![trend(None), trend(Some(Duration::from_hours(24)))];
        Experiment { matrix, held_out, trends }
    }

    #[test]
    fn lists_that_predict_likes_are_measured() {
        let (model, trained) = select_lists(&experiment(|missing| missing));
        // The only food of the group that the user does not like yet is first.
        assert!((model.measures.online - 1.0).abs() < 1e-9, "{:?}", model.measures);
        assert!(!trained);
        assert_eq!(model.weighting, Model::default().weighting);
        assert_eq!(model.measures.users, 20);
    }

    #[test]
    fn trending_foods_weigh_nothing_if_likes_are_personal() {
        let mut model = Model::default();
        select_trending(&[experiment(|missing| missing)], false, &mut model);
        assert!(model.trending.abs() < f64::EPSILON, "{model:?}");
        assert!((model.measures.blended - 1.0).abs() < 1e-9);
    }

    #[test]
    fn trending_foods_weigh_more_if_users_like_them_next() {
        let mut model = Model::default();
        select_trending(&[experiment(|missing| (missing + 10) % 20)], false, &mut model);
        assert!(model.trending > 0.0, "{model:?}");
    }

    #[test]
    fn parameters_stay_if_nothing_is_predicted() {
        let mut model = Model::default();
        let unpredictable = Experiment { trends: vec![], ..experiment(|missing| missing) };
        let without_trends = Trend { half_life: None, foods: vec![] };
        let held_out = vec![HeldOut { liked: vec![], next: vec![0] }];
        let experiment = Experiment { held_out, trends: vec![without_trends], ..unpredictable };
        select_trending(&[experiment], false, &mut model);
        assert_eq!(model, Model::default());
    }

    #[test]
    fn gain_of_a_page_is_relative_to_the_best_page() {
        for (hits, relevant, expected) in [
            (vec![true, false], 1, 1.0),
            (vec![false, true], 1, 1.0 / 3.0_f64.log2()),
            (vec![true, true], 2, 1.0),
            (vec![false; 20], 3, 0.0),
            (vec![true; 20], 50, 1.0),
            (vec![], 1, 0.0),
        ] {
            let gain = ndcg(hits.iter().copied(), relevant);
            assert!((gain - expected).abs() < 1e-9, "{hits:?} {relevant}: {gain}");
        }
    }
}
