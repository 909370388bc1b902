//! Usage, for a bucket that can only be peeked into.

use super::{Bucket, Usage};
use crate::error::AcquireError;
use crate::rate::Rate;
use crate::timestamp::Timestamp;
use std::time::Duration;

/// The usage of each rate, by peeks.
pub fn usage(bucket: &(impl Bucket + ?Sized), name: &[u8]) -> Result<Vec<Usage>, AcquireError> {
    let now = bucket.now()?;
    let mut usages = Vec::new();
    for rate in bucket.rates() {
        let mut search = Search::new(rate, now);
        while let Some(nth) = search.asks() {
            search.learns(nth, bucket.peek(name, nth)?);
        }
        usages.push(search.finds());
    }
    Ok(usages)
}

/// A search for the oldest permit in a window. Of what lies further back, none does: so
/// it steps back twice as far each time, and then halves what is left.
#[derive(Debug)]
pub struct Search {
    rate: Rate,
    now: Timestamp,
    /// So many are known to be in the window, and the oldest of these leaves it then.
    inside: u64,
    leaves: Timestamp,
    /// The permit of this number is not; none is known to be out yet.
    outside: Option<u64>,
}

impl Search {
    pub fn new(rate: Rate, now: Timestamp) -> Self {
        Self {
            rate,
            now,
            inside: 0,
            leaves: now,
            outside: None,
        }
    }

    /// Which permit to peek at next.
    pub fn asks(&self) -> Option<u64> {
        match self.outside {
            None => Some(self.inside.saturating_mul(2)),
            Some(outside) if outside > self.inside => Some(self.inside.midpoint(outside)),
            Some(_) => None,
        }
    }

    /// What there is.
    pub fn learns(&mut self, nth: u64, stamp: Option<Timestamp>) {
        let leaves = stamp.map(|stamp| stamp.saturating_add(self.rate.interval()));
        match leaves.filter(|&leaves| leaves > self.now) {
            Some(leaves) if nth < u64::MAX => (self.inside, self.leaves) = (nth + 1, leaves),
            _ => self.outside = Some(nth),
        }
    }

    /// How much of the rate is used.
    pub fn finds(&self) -> Usage {
        let resets_in = self.leaves.duration_since(self.now);
        Usage::new(
            self.rate,
            self.inside,
            match self.inside {
                0 => Duration::ZERO,
                _ => resets_in,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much is used of a log of these instants, newest first, and after how many peeks.
    fn used(stamps: &[u64], now: u64) -> (Usage, u32) {
        let rate = Rate::new(1_000_000, Duration::from_micros(100));
        let mut search = Search::new(rate, Timestamp::from_micros(now));
        let mut peeks = 0;
        while let Some(nth) = search.asks() {
            peeks += 1;
            let stamp = stamps.get(nth as usize).copied();
            search.learns(nth, stamp.map(Timestamp::from_micros));
        }
        (search.finds(), peeks)
    }

    #[test]
    fn a_search_finds_every_boundary_of_a_window() {
        for length in 0..40 {
            for inside in 0..=length {
                let stamps: Vec<u64> = (0..length)
                    .map(|nth| {
                        if nth < inside {
                            901 + inside - nth
                        } else {
                            900
                        }
                    })
                    .collect();
                let (usage, _) = used(&stamps, 1000);
                assert_eq!(usage.used, inside, "{stamps:?}");
                // The oldest inside came at 902.
                let left = Duration::from_micros(if inside == 0 { 0 } else { 2 });
                assert_eq!(usage.resets_in, left, "{stamps:?}");
            }
        }
    }

    #[test]
    fn a_search_takes_few_peeks() {
        let (usage, peeks) = used(&vec![999; 100_000], 1000);
        assert_eq!(usage.used, 100_000);
        assert!(peeks < 40, "{peeks}");
    }
}
