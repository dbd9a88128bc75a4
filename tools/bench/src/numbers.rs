//! Numbers of many runs.

use std::time::Duration;

/// The value that the given part of all values does not exceed. 0 of none.
pub fn quantile<T: Copy + Ord + Default>(values: &[T], part: f64) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "there are a few thousand of them"
    )]
    let index = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// The value in the middle.
pub fn median<T: Copy + Ord + Default>(values: &[T]) -> T {
    quantile(values, 0.5)
}

/// In milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// In millions.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub fn millions(number: u64) -> f64 {
    number as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_there() {
        let values = [5, 1, 4, 2, 3];
        assert_eq!(median(&values), 3);
        assert_eq!(quantile(&values, 0.0), 1);
        assert_eq!(quantile(&values, 0.99), 5);
        assert_eq!(median::<u64>(&[]), 0);
    }
}
