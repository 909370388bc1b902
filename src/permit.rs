//! What a caller gets: leave to act, from an instant on.

use crate::ring::Run;
use crate::timestamp::Timestamp;

/// Leave to act once, or as often as its weight says.
///
/// It needs not be given back: it counts for one interval of each rate from
/// [`at`](Self::at) on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permit {
    run: Run,
    sleeps: u32,
}

impl Permit {
    pub(crate) fn new(run: Run, sleeps: u32) -> Self {
        Self { run, sleeps }
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// The instant at which it was granted, on the segment's clock, rounded down to the
    /// microsecond. In every window of each rate, the weights of the permits whose
    /// instants are in it sum to the limit at most.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_ticks(self.run.ready)
    }

    /// How many permits it stands for.
    pub fn weight(&self) -> u64 {
        self.run.weight
    }

    /// How often the call slept: not at all if it was granted at once, and once if it
    /// had to wait, unless it woke late or in a pause and queued again.
    pub fn sleeps(&self) -> u32 {
        self.sleeps
    }
}
