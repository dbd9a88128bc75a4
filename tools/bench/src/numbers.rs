//! Statistics (median, quantile) and conversions of units.

use std::time::Duration;

/// Returns the quantile `part` (such as 0.99) rounded to one of the values, or the default if there are none.
pub fn quantile<T: Copy + Ord + Default>(values: &[T], part: f64) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a few thousand values"
    )]
    let index = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// Returns the median of the values, or the default if there are none.
pub fn median<T: Copy + Ord + Default>(values: &[T]) -> T {
    quantile(values, 0.5)
}

/// Converts a duration to milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Converts a number to millions.
#[expect(clippy::cast_precision_loss, reason = "printed with two decimals")]
pub fn millions(number: u64) -> f64 {
    number as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_is_one_of_the_values() {
        let values = [5, 1, 4, 2, 3];
        assert_eq!(median(&values), 3);
        assert_eq!(quantile(&values, 0.0), 1);
        assert_eq!(quantile(&values, 0.99), 5);
        assert_eq!(median::<u64>(&[]), 0);
    }
}
