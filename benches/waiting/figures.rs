//! What so many waiters on one bucket came to.

use std::time::Duration;

use serde::Serialize;

use crate::contender::Limit;
use crate::table::time;

/// A permit that somebody waited for; times in nanoseconds of one clock.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// The grant's instant.
    pub at: u64,
    /// When the call returned.
    pub returned: u64,
    /// How often the call slept.
    pub sleeps: u64,
}

/// What all waiters used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Microseconds of processor time.
    pub cpu: u64,
    /// How often one of them was woken.
    pub wakeups: u64,
}

/// What so many waiters on one bucket came to.
#[derive(Debug, Clone, Serialize)]
pub struct Waiting {
    /// Grants of all.
    pub grants: u64,
    /// How often a waiter was woken, for each grant.
    pub wakeups_per_grant: f64,
    /// Processor time of all, in seconds for 1,000 grants.
    pub cpu_per_thousand: f64,
    /// From when the limit allowed a grant until its call returned, of those that slept, in
    /// nanoseconds: median and 99th percentile.
    pub overshoot: [f64; 2],
    /// Grants in whole intervals from the first grant on, of those allowed.
    pub utilisation: f64,
    /// Grants of the waiter that got fewest, of those of the one that got most; from the
    /// second interval on, for in the first nobody need wait.
    pub share: f64,
    /// Grants in the fullest interval anywhere, of those allowed.
    pub fullest: f64,
}

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its head.
    pub head: &'static str,
    /// The value.
    pub of: fn(&Waiting) -> f64,
    /// The value as text.
    pub show: fn(f64) -> String,
}

/// All that is told of waiters.
pub const FIGURES: [Figure; 6] = [
    Figure {
        head: "wake-ups per grant",
        of: |waiting| waiting.wakeups_per_grant,
        show: |value| format!("{value:.3}"),
    },
    Figure {
        head: "CPU s per 1,000 grants",
        of: |waiting| waiting.cpu_per_thousand,
        show: |value| format!("{value:.4}"),
    },
    Figure {
        head: "late p50",
        of: |waiting| waiting.overshoot[0],
        show: time,
    },
    Figure {
        head: "late p99",
        of: |waiting| waiting.overshoot[1],
        show: time,
    },
    Figure {
        head: "limit used",
        of: |waiting| waiting.utilisation,
        show: |value| format!("{:.2} %", value * 100.0),
    },
    Figure {
        head: "least : most",
        of: |waiting| waiting.share,
        show: |value| format!("{value:.2}"),
    },
];

impl Waiting {
    /// Of the grants of each waiter, in a slice of that length.
    ///
    /// The limit allows the nth grant one interval after the one that is as many before it as
    /// the limit is large: somebody always waits.
    pub fn of(waiters: &[Vec<Grant>], usage: Usage, rate: Limit, length: Duration) -> Self {
        let mut grants: Vec<Grant> = waiters.iter().flatten().copied().collect();
        grants.sort_by_key(|grant| grant.at);
        let interval = rate.interval.as_nanos() as u64;
        let later = grants.iter().skip(rate.limit as usize);
        let mut late: Vec<u64> = later
            .zip(&grants)
            .filter(|(grant, _)| grant.sleeps > 0)
            .map(|(grant, before)| grant.returned.saturating_sub(before.at + interval))
            .collect();
        late.sort_unstable();
        let last = late.len().saturating_sub(1);
        let overshoot =
            [last / 2, last * 99 / 100].map(|at| late.get(at).map_or(0.0, |&nanos| nanos as f64));

        let within = |first: usize, span: u64| {
            let from = grants[first].at;
            grants[first..].partition_point(|grant| grant.at - from < span) as f64
        };
        // One interval less than was measured: the last may have begun late.
        let whole = (length.as_nanos() as u64 / interval)
            .saturating_sub(1)
            .max(1);
        let utilisation = match grants.first() {
            Some(_) => within(0, whole * interval) / (whole * rate.limit) as f64,
            None => 0.0,
        };
        let fullest = (0..grants.len())
            .map(|first| within(first, interval))
            .fold(0.0, f64::max);
        let second = grants.first().map_or(0, |first| first.at + interval);
        let shares = || {
            let later = |grants: &Vec<Grant>| grants.iter().filter(|g| g.at >= second).count();
            waiters.iter().map(later)
        };
        let (least, most) = (shares().min().unwrap_or(0), shares().max().unwrap_or(0));
        let count = grants.len() as f64;
        Self {
            grants: grants.len() as u64,
            wakeups_per_grant: usage.wakeups as f64 / count,
            // Microseconds for one are milliseconds for a thousand.
            cpu_per_thousand: usage.cpu as f64 / count / 1000.0,
            overshoot,
            utilisation,
            share: least as f64 / most as f64,
            fullest: fullest / rate.limit as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Limit = Limit {
        limit: 2,
        interval: Duration::from_nanos(10),
    };

    fn at(times: &[u64]) -> Vec<Grant> {
        let grant = |&at| Grant {
            at,
            returned: at + 3,
            sleeps: 1,
        };
        times.iter().map(grant).collect()
    }

    fn waiting(waiters: &[&[u64]]) -> Waiting {
        let waiters: Vec<_> = waiters.iter().map(|times| at(times)).collect();
        let usage = Usage {
            cpu: 12,
            wakeups: 9,
        };
        Waiting::of(&waiters, usage, RATE, Duration::from_nanos(30))
    }

    #[test]
    fn a_bucket_that_is_always_full_is_used_to_a_hundred_percent() {
        let waiting = waiting(&[&[0, 11, 20], &[1, 10, 21]]);
        assert_eq!((waiting.utilisation, waiting.fullest), (1.0, 1.0));
        assert_eq!((waiting.overshoot, waiting.share), ([3.0; 2], 1.0));
        assert_eq!(waiting.wakeups_per_grant, 1.5);
        assert_eq!(waiting.cpu_per_thousand, 0.002);
    }

    #[test]
    fn one_grant_too_many_in_any_window_shows() {
        assert_eq!(waiting(&[&[0, 5], &[14, 14]]).fullest, 1.5);
    }

    #[test]
    fn idle_intervals_show_in_the_use_and_in_the_lateness() {
        let waiting = waiting(&[&[0, 1, 15]]);
        assert_eq!(waiting.utilisation, 0.75);
        assert_eq!(waiting.overshoot, [5.0 + 3.0; 2]);
    }

    #[test]
    fn who_gets_less_than_another_shows() {
        assert_eq!(waiting(&[&[0, 1, 10, 11], &[20]]).share, 0.5);
        assert_eq!(waiting(&[&[0, 1, 10, 11], &[]]).share, 0.0);
    }
}
