//! What a caller gets: leave to act, from an instant on.

use crate::ring::Run;
use crate::timestamp::Timestamp;
use std::fmt;

/// Leave to act once, or as often as its weight says.
///
/// It needs not be given back: it counts for one interval of each rate from
/// [`at`](Self::at) on.
#[derive(Clone, Copy, PartialEq, Eq)]
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

/// What a user can ask of it, in a user's units.
impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("at", &format_args!("{}", self.at()))
            .field("weight", &self.weight())
            .field("sleeps", &self.sleeps)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::word::Head;

    #[test]
    fn it_shows_its_instant_weight_and_sleeps() {
        let run = Run {
            head: Head::new(0, 1 << 20),
            weight: 3,
            ready: 12_000_345,
            asked: 7,
        };
        assert_eq!(
            format!("{:?}", Permit::new(run, 1)),
            "Permit { at: 12.000345s, weight: 3, sleeps: 1 }"
        );
    }
}
