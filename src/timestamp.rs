//! An instant on a bucket's clock.

use std::fmt;
use std::time::Duration;

/// An instant on a bucket's clock, in microseconds since the bucket's epoch.
///
/// All who share a bucket read the same clock, so timestamps of one segment, or of one
/// server, compare across threads and processes. Those of different segments do not:
/// each has its own epoch.
///
/// Printed, it is in seconds: `12.000345s`.
///
/// ```
/// use std::time::Duration;
/// use tidegate::Timestamp;
///
/// fn waited(asked: Timestamp, granted: Timestamp) -> Duration {
///     granted.duration_since(asked)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant so many microseconds after the bucket's epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the bucket's epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The instant so much later; at most the last that there is.
    pub const fn saturating_add(self, duration: Duration) -> Self {
        let micros = duration.as_micros();
        let micros = if micros > u64::MAX as u128 {
            u64::MAX
        } else {
            micros as u64
        };
        Self(self.0.saturating_add(micros))
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    pub const fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        f.pad(&format!("{seconds}.{micros:06}s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: Timestamp = Timestamp::from_micros(1_500_000);
    const LATE: Timestamp = Timestamp::from_micros(12_000_345);

    #[test]
    fn later_is_greater() {
        assert!(EARLY < LATE);
        assert_eq!(LATE.as_micros(), 12_000_345);
    }

    #[test]
    fn the_time_since_a_later_instant_is_zero() {
        assert_eq!(
            LATE.duration_since(EARLY),
            Duration::from_micros(10_500_345)
        );
        assert_eq!(EARLY.duration_since(LATE), Duration::ZERO);
    }

    #[test]
    fn it_prints_in_seconds_down_to_the_microsecond() {
        assert_eq!(LATE.to_string(), "12.000345s");
        assert_eq!(Timestamp::from_micros(0).to_string(), "0.000000s");
        assert_eq!(format!("{LATE:>12}"), "  12.000345s");
    }
}
