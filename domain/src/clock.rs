//! Timestamps and the clock.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// The text format of a timestamp: RFC 3339 in UTC with milliseconds. Texts of this fixed width sort by time.
const RFC_3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A time in UTC with millisecond precision, from 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of the year 1970.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The last millisecond of the year 9999, the latest that RFC 3339 can express.
    const MAX_UNIX_MILLIS: i64 = 253_402_300_799_999;

    /// Creates a timestamp from milliseconds since 1970; `None` outside the years 1970 to 9999.
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        (0..=Self::MAX_UNIX_MILLIS).contains(&millis).then_some(Self(millis))
    }

    /// Creates a timestamp from seconds since 1970; `None` outside the years 1970 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Self::from_unix_millis(seconds.checked_mul(1000)?)
    }

    /// Returns the number of milliseconds since 1970.
    pub fn unix_millis(self) -> i64 {
        self.0
    }

    /// Returns whole seconds since 1970, rounded down: the `NumericDate` of a JWT (RFC 7519).
    pub fn unix_seconds(self) -> i64 {
        self.0 / 1000
    }

    /// Returns the timestamp rounded down to whole seconds.
    #[must_use]
    pub fn whole_seconds(self) -> Self {
        Self(self.0 - self.0 % 1000)
    }

    /// Adds a duration; the result is at most the end of the year 9999.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis).min(Self::MAX_UNIX_MILLIS))
    }

    /// Returns the duration since `earlier`, or zero if that is later than `self`.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// Writes the timestamp as RFC 3339 in UTC with milliseconds: `2026-11-22T18:53:26.123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .map_err(|_| fmt::Error)?
            .format(RFC_3339)
            .map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// Port: the current time.
pub trait Clock {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(0).plus(since_1970)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAST: i64 = Timestamp::MAX_UNIX_MILLIS;

    #[test]
    fn timestamp_is_limited_to_years_1970_to_9999() {
        for (millis, text) in [
            (-1, None),
            (0, Some("1970-01-01T00:00:00.000Z")),
            (1_792_002_005_007, Some("2026-10-14T18:20:05.007Z")),
            (LAST, Some("9999-12-31T23:59:59.999Z")),
            (LAST + 1, None),
        ] {
            let timestamp = Timestamp::from_unix_millis(millis);
            let formatted = timestamp.map(|timestamp| timestamp.to_string());
            assert_eq!(formatted.as_deref(), text);
        }
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX), None);
        assert_eq!(Timestamp(0).plus(Duration::MAX), Timestamp(LAST));
    }

    #[test]
    fn duration_since_a_later_timestamp_is_zero() {
        let (earlier, later) = (Timestamp(1_000), Timestamp(3_500));
        assert_eq!(later.since(earlier), Duration::from_millis(2_500));
        assert_eq!(earlier.since(later), Duration::ZERO);
        assert_eq!(later.whole_seconds(), Timestamp(3_000));
    }

    proptest! {
        #[test]
        fn timestamps_and_their_rfc_3339_texts_sort_alike(one in 0..=LAST, other in 0..=LAST) {
            let (one, other) = (Timestamp(one), Timestamp(other));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }
    }
}
