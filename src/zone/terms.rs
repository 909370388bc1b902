//! The rates that a handle knows, as the ring takes them and as users see them.

use crate::rate::Rate;
use crate::ring::{MAX_RATES, Plan};
use crate::spec::rates_of;
use std::array;

/// The rates under one version of the segment.
#[derive(Debug)]
pub struct Terms {
    pub plan: Plan,
    /// As many as the plan has windows; after them, the widest again.
    rates: [Rate; MAX_RATES],
}

impl Terms {
    pub fn new(plan: Plan) -> Self {
        let rates = rates_of(plan.windows());
        let rates = array::from_fn(|index| rates[index.min(rates.len() - 1)]);
        Self { plan, rates }
    }

    /// All of them, narrowest first.
    pub fn rates(&self) -> &[Rate] {
        &self.rates[..self.plan.windows().len()]
    }

    /// The rate of that index. It may be of other rates, that were in force a moment ago: then
    /// the widest, rather than none.
    #[inline]
    pub fn rate(&self, index: usize) -> Rate {
        self.rates[index % MAX_RATES]
    }
}
