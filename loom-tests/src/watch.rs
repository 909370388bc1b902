//! The clock as one call looks at it.

use tidegate::ring::Clock;

/// How many ticks the processor may look ahead, at most: models of it move the clock by no more
/// while callers race.
const AHEAD: u64 = 2;

/// A clock, and what a glance at it shows that was taken when the call began.
pub(crate) struct Watch<F> {
    pub now: F,
    /// None: a glance is a look.
    pub early: Option<u64>,
}

impl<F: Fn() -> u64> Clock for Watch<F> {
    fn now(&self) -> u64 {
        (self.now)()
    }

    fn glance(&self) -> u64 {
        self.early.unwrap_or_else(&self.now)
    }

    fn settled(&self) -> u64 {
        self.now() - if self.early.is_some() { AHEAD } else { 0 }
    }
}
