//! What a request is answered: permits, or why there are none.

use super::word::Head;
use std::ops::Range;

/// Permits that are reserved, and stamped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Head before it: the bucket's generation and the first permit's seq.
    pub head: Head,
    /// Permits.
    pub weight: u64,
    /// The tick from which on the owner may go: the grant's instant.
    pub ready: u64,
    /// The clock when the run was reserved, in ticks.
    pub asked: u64,
}

impl Run {
    /// Whether its time had not come when it was reserved.
    pub fn waits(&self) -> bool {
        self.ready > self.asked
    }

    /// Takes the `weight` newest permits off the run, or all of them if it has fewer.
    pub fn split_newest(&mut self, weight: u64) -> Self {
        let weight = weight.min(self.weight);
        self.weight -= weight;
        Self {
            head: self.head.after(self.weight),
            weight,
            ..*self
        }
    }

    pub(super) fn seqs(&self) -> Range<u64> {
        self.head.seq()..self.head.seq() + self.weight
    }
}

/// Why nothing was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Its turn comes too late.
    Limited {
        /// The clock when that was found, in ticks.
        now: u64,
        /// The first tick at which it could be granted.
        ready: u64,
        /// The index of the window that holds it back most.
        window: usize,
    },
    /// It would have to wait, and too many permits are waited for already.
    QueueFull {
        /// The clock when that was found, in ticks.
        now: u64,
        /// The first tick at which there is room, or no need to wait.
        ready: u64,
    },
    /// Heavier than the smallest limit: it can never be granted.
    TooHeavy,
    /// The bucket is not of the generation that the caller knows.
    Closed,
    /// The rates have changed, or the segment was removed: look at the version.
    Stale,
    /// The bucket has used up its sequence numbers, or the segment its ticks.
    Exhausted,
}
