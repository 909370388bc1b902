//! The rates that a handle knows, as the ring takes them and as users see them.

use crate::rate::Rate;
use crate::ring::Plan;
use crate::spec::rates_of;

/// The rates under one version of the segment.
#[derive(Debug)]
pub struct Terms {
    pub plan: Plan,
    pub rates: Vec<Rate>,
}

impl Terms {
    pub fn new(plan: Plan) -> Self {
        let rates = rates_of(plan.windows());
        Self { plan, rates }
    }

    /// The rate of that index. It may be of other rates, that were in force a moment ago: then
    /// the widest, rather than none.
    #[inline]
    pub fn rate(&self, index: usize) -> Rate {
        self.rates[index.min(self.rates.len() - 1)]
    }
}
