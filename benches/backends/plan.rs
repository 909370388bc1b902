//! What is asked of a contender.

use std::time::Duration;

use tidegate::Rate;
use tidegate_benches::contender::{Limit, Work};

/// A rate, and how many permits each call asks of it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Whether there is always room, or never.
    pub work: Work,
    /// The one rate.
    pub limit: Limit,
    /// Of each call.
    pub weight: u64,
}

impl Plan {
    /// Calls for one permit, as in the other benchmarks.
    pub const fn of(work: Work) -> Self {
        Self {
            work,
            limit: work.limit(),
            weight: 1,
        }
    }

    /// The same under another limit, from 100 on: of 100 million in a second, which nobody reaches;
    /// or of any, for an hour.
    pub fn with_limit(self, limit: u64) -> Self {
        let interval = match self.work {
            Work::Admit => Duration::from_micros((limit / 100).max(1)),
            Work::Refuse => self.limit.interval,
        };
        Self {
            limit: Limit { limit, interval },
            ..self
        }
    }

    /// The same by calls for more, under a limit in the same interval.
    pub const fn with_weight(self, weight: u64, limit: u64) -> Self {
        let interval = self.limit.interval;
        Self {
            limit: Limit { limit, interval },
            weight,
            ..self
        }
    }

    /// As tidegate has it.
    pub const fn rate(&self) -> Rate {
        Rate::new(self.limit.limit, self.limit.interval)
    }
}
