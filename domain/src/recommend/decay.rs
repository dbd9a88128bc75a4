//! Trending foods: likes lose half of their weight in each half-life.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::like::to_f64;

/// The time from which half-lives are counted: 2026-01-01. Near the present, an `f32` has a precision of seconds.
const EPOCH_MILLIS: i64 = 1_767_225_600_000;

/// Returns the logarithm of the decayed number of likes: log2 Σ 2^((time of the like − epoch) / half-life). Time changes
/// the sums of all foods by one factor, so logarithms computed at different times compare without being rewritten
/// (forward decay, Cormode et al. 2009). Without a half-life, it is the logarithm of `likes`.
///
/// `liked_at` are the newest likes; older ones weigh little.
#[expect(clippy::cast_possible_truncation, reason = "a score is an f32")]
pub fn hot(liked_at: &[Timestamp], likes: u64, half_life: Option<Duration>) -> f32 {
    let Some(half_life) = half_life else {
        return to_f64(likes.max(1)).log2() as f32;
    };
    #[expect(clippy::cast_precision_loss, reason = "no time is that far away")]
    let half_lives = |at: &Timestamp| {
        (at.unix_millis() - EPOCH_MILLIS) as f64 / half_life.as_secs_f64() / 1000.0
    };
    let newest = liked_at.iter().map(half_lives).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = liked_at.iter().map(|at| (half_lives(at) - newest).exp2()).sum();
    (newest + sum.log2()) as f32
}

/// Returns how much a food trends: 1 for the food with the score `hottest`, half of it for a score lower by 1.
pub fn trend(score: f32, hottest: f32) -> f64 {
    f64::from(score - hottest).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn day(number: u32) -> Timestamp {
        Timestamp::from_unix_seconds(1_792_002_005).unwrap().plus(DAY * number)
    }

    #[test]
    fn two_likes_count_as_much_as_one_a_half_life_later() {
        let half_life = Some(DAY * 7);
        let earlier = hot(&[day(0), day(0)], 2, half_life);
        let later = hot(&[day(7)], 1, half_life);
        assert!((earlier - later).abs() < 0.001, "{earlier} {later}");
        assert!(hot(&[day(8)], 1, half_life) > earlier);
        assert!(hot(&[day(7), day(0)], 2, half_life) > later);
    }

    #[test]
    fn without_half_life_all_likes_count() {
        assert!((hot(&[day(0)], 1024, None) - 10.0).abs() < f32::EPSILON);
    }
}
