//! The verdict on a log: what was granted, and which promises it broke.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::window::worst;
use crate::{Grant, Rate, Tally, Window, allowed};

/// Judges `grants`, in any order, by each of `rates`.
///
/// Grants that are missing (a worker was killed before it could log) only make
/// sums smaller: they can hide a breach, never invent one.
pub fn judge(grants: &[Grant], rates: &[Rate]) -> Verdict {
    let mut total = Tally::default();
    let mut workers: BTreeMap<u32, Tally> = BTreeMap::new();
    for grant in grants {
        total.add(grant);
        workers.entry(grant.worker).or_default().add(grant);
    }

    let mut timeline: Vec<(u64, u64)> = grants.iter().map(|g| (g.at, g.weight)).collect();
    timeline.sort_unstable();
    let rates = rates.iter().map(|&rate| RateVerdict {
        rate,
        worst: worst(&timeline, rate.interval()),
    });

    Verdict {
        total,
        workers,
        rates: rates.collect(),
        span: timeline
            .first()
            .zip(timeline.last())
            .map(|(a, b)| (a.0, b.0)),
        disordered: grants
            .iter()
            .filter(|g| !g.is_in_order())
            .copied()
            .collect(),
    }
}

/// What a log of grants says.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// All grants together.
    pub total: Tally,
    /// The grants of each worker.
    pub workers: BTreeMap<u32, Tally>,
    /// Each rate with its worst window, in the order given.
    pub rates: Vec<RateVerdict>,
    /// The first and the last grant's instant; `None` if nothing was granted.
    pub span: Option<(u64, u64)>,
    /// Grants whose instant does not lie between call and return.
    pub disordered: Vec<Grant>,
}

/// One rate, and the window that came nearest to breaking it, or broke it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateVerdict {
    /// The rate judged by.
    pub rate: Rate,
    /// The first of the fullest windows; `None` if nothing was granted.
    pub worst: Option<Window>,
}

impl RateVerdict {
    /// Whether no window held more than the limit.
    pub fn holds(&self) -> bool {
        self.peak() <= u128::from(self.rate.limit())
    }

    /// The most that any window held.
    pub fn peak(&self) -> u128 {
        self.worst.map_or(0, |window| window.weight)
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Breach {
    /// A window held more than a rate's limit.
    #[error(
        "{} granted in [{}, {}), where {rate} is the limit",
        .window.weight, Seconds(.window.start.into()), Seconds(u128::from(.window.start) + u128::from(.rate.interval()))
    )]
    Over {
        /// The rate that was exceeded.
        rate: Rate,
        /// The first of its worst windows.
        window: Window,
    },
    /// Grants whose instant does not lie between call and return.
    #[error(
        "{count} grants lie outside their call, the first (worker {}) at {}, called at {} and returned at {}",
        .first.worker, Seconds(.first.at.into()), Seconds(.first.before.into()), Seconds(.first.after.into())
    )]
    Disordered {
        /// How many.
        count: usize,
        /// One of them.
        first: Grant,
    },
}

impl Verdict {
    /// Whether every promise was kept. So it is of a log without grants: look at
    /// [`total`](Self::total) too.
    pub fn holds(&self) -> bool {
        self.breaches().is_empty()
    }

    /// The broken promises: one for each rate that was exceeded, and one for
    /// grants outside their call.
    pub fn breaches(&self) -> Vec<Breach> {
        let over = self.rates.iter().filter(|r| !r.holds()).filter_map(|r| {
            let (rate, window) = (r.rate, r.worst?);
            Some(Breach::Over { rate, window })
        });
        let disordered = self.disordered.first().map(|&first| Breach::Disordered {
            count: self.disordered.len(),
            first,
        });
        over.chain(disordered).collect()
    }

    /// The most that any limiter could have granted between the first grant and
    /// the last, under all rates at once: see [`allowed()`], also for what it costs.
    /// `None` without a grant or without a rate.
    pub fn allowed(&self) -> Option<u128> {
        let (first, last) = self.span?;
        let rates: Vec<Rate> = self.rates.iter().map(|r| r.rate).collect();
        allowed(&rates, last - first)
    }

    /// Granted / allowed over the span from the first grant to the last: 1 is a
    /// limiter that refused nothing needlessly, to callers who always wanted more.
    /// `None` where nothing was granted or nothing was allowed.
    pub fn utilisation(&self) -> Option<f64> {
        let allowed = self.allowed().filter(|&allowed| allowed > 0)?;
        Some(self.total.weight as f64 / allowed as f64)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} permits in {} grants",
            self.total.weight, self.total.grants
        )?;
        for verdict in &self.rates {
            write!(f, "; {}: at most {}", verdict.rate, verdict.peak())?;
        }
        for breach in self.breaches() {
            write!(f, "\nBROKEN: {breach}")?;
        }
        Ok(())
    }
}

/// Microseconds, shown as seconds.
struct Seconds(u128);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
