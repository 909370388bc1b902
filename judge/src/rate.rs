//! A rate to judge by.

use std::fmt;
use std::time::Duration;

/// At most `limit` permits in every half-open window of `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    limit: u64,
    interval: u64,
}

impl Rate {
    /// A rate of `limit` permits per `interval`, which is rounded up to whole
    /// microseconds (and is at least one): with instants in whole microseconds
    /// the windows then hold exactly the same grants.
    pub fn new(limit: u64, interval: Duration) -> Self {
        let micros = interval.as_nanos().div_ceil(1000).max(1);
        Self {
            limit,
            interval: u64::try_from(micros).unwrap_or(u64::MAX),
        }
    }

    /// Permits per interval.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The length of a window in microseconds, never 0.
    pub fn interval(&self) -> u64 {
        self.interval
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interval = Duration::from_micros(self.interval);
        write!(f, "{} per {interval:?}", self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_rounded_up_to_whole_microseconds() {
        let interval = |nanos| Rate::new(1, Duration::from_nanos(nanos)).interval();
        assert_eq!([0, 1, 1000, 1001].map(interval), [1, 1, 1, 2]);
        assert_eq!(Rate::new(1, Duration::MAX).interval(), u64::MAX);
    }
}
