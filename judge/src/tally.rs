//! Sums over grants: of all of them, or of one worker's.

use crate::Grant;

/// What was granted, and how often that took a sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Grants.
    pub grants: u64,
    /// Permits granted.
    pub weight: u128,
    /// Grants that slept at least once.
    pub slept: u64,
    /// Sleeps of all grants together.
    pub sleeps: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, grant: &Grant) {
        self.grants += 1;
        self.weight += u128::from(grant.weight);
        self.slept += u64::from(grant.sleeps > 0);
        self.sleeps += u64::from(grant.sleeps);
    }

    /// Sleeps per grant; 0 without grants.
    pub fn sleeps_per_grant(&self) -> f64 {
        ratio(self.sleeps as f64, self.grants as f64)
    }

    /// The part of `whole`'s permits that these are, from 0 to 1; 0 of nothing.
    pub fn share_of(&self, whole: &Tally) -> f64 {
        ratio(self.weight as f64, whole.weight as f64)
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
