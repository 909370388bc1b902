//! A rate: how many permits any window of a given length may hold.
//!
//! The type is here; [`text`] reads and writes it, [`list`] says which rates
//! may stand together in one limiter.

mod list;
mod text;

use std::time::Duration;

pub use list::{MAX_INTERVAL, MAX_LIMIT, MAX_RATES, RateError, validate};
pub use text::{RateTextError, parse_duration};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// At most `limit` permits in every half-open window as long as `interval`.
///
/// Any two values make a `Rate`; whether it can be enforced is checked where a
/// list of rates is put to use, by [`validate`].
///
/// Time is counted in whole microseconds. An interval with a part below that
/// is enforced as if it ended at the next microsecond, which never lets more
/// through; the `Rate` itself keeps the interval as given.
///
/// A limiter takes 8 bytes of memory for each permit of its largest limit, whatever the
/// interval: see [`Builder::capacity`](crate::Builder::capacity).
///
/// A rate has a short text form, `limit/interval`:
///
/// ```
/// use std::time::Duration;
/// use tidegate::Rate;
///
/// let rate: Rate = "500/4h".parse()?;
/// assert_eq!(rate, Rate::new(500, Duration::from_secs(4 * 60 * 60)));
/// assert_eq!(rate.to_string(), "500/4h");
/// assert_eq!(Rate::per_second(10).to_string(), "10/s");
/// # Ok::<(), tidegate::RateTextError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    limit: u64,
    interval: Duration,
}

impl Rate {
    /// At most `limit` permits in every window as long as `interval`.
    pub const fn new(limit: u64, interval: Duration) -> Self {
        Self { limit, interval }
    }

    /// At most `limit` permits in every second.
    pub const fn per_second(limit: u64) -> Self {
        Self::new(limit, Duration::from_secs(1))
    }

    /// At most `limit` permits in every 60 seconds.
    pub const fn per_minute(limit: u64) -> Self {
        Self::new(limit, MINUTE)
    }

    /// At most `limit` permits in every 60 minutes.
    pub const fn per_hour(limit: u64) -> Self {
        Self::new(limit, HOUR)
    }

    /// At most `limit` permits in every 24 hours.
    pub const fn per_day(limit: u64) -> Self {
        Self::new(limit, DAY)
    }

    /// At most `limit` permits in every 7 days.
    pub const fn per_week(limit: u64) -> Self {
        Self::new(limit, WEEK)
    }

    /// How many permits a window may hold.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// How long the window is, as it was given.
    pub const fn interval(&self) -> Duration {
        self.interval
    }
}

/// The interval in microseconds, rounded up; `u64::MAX` if it is longer than
/// that, which [`validate`] refuses.
pub(crate) fn interval_ticks(rate: &Rate) -> u64 {
    let ticks = rate.interval.as_nanos().div_ceil(1_000);
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_intervals_are_as_long_as_their_names_say() {
        let seconds = |rate: Rate| rate.interval().as_secs_f64();
        assert_eq!(seconds(Rate::per_second(1)), 1.0);
        assert_eq!(seconds(Rate::per_minute(1)), 60.0);
        assert_eq!(seconds(Rate::per_hour(1)), 3_600.0);
        assert_eq!(seconds(Rate::per_day(1)), 86_400.0);
        assert_eq!(seconds(Rate::per_week(1)), 604_800.0);
        assert_eq!(Rate::per_week(7).limit(), 7);
    }

    #[test]
    fn a_part_of_a_microsecond_counts_as_a_whole_one() {
        let ticks = |interval| interval_ticks(&Rate::new(1, interval));
        assert_eq!(ticks(Duration::ZERO), 0);
        assert_eq!(ticks(Duration::from_nanos(1)), 1);
        assert_eq!(ticks(Duration::from_nanos(1_000)), 1);
        assert_eq!(ticks(Duration::from_nanos(1_001)), 2);
        assert_eq!(ticks(Duration::from_secs(1)), 1_000_000);
        assert_eq!(ticks(Duration::MAX), u64::MAX);
    }
}
