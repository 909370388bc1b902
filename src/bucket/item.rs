//! What is asked of a bucket, and what it gives.

use crate::rate::Rate;
use crate::timestamp::Timestamp;
use std::time::Duration;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item<'i> {
    /// For whom, or for what.
    pub name: &'i [u8],
    /// Permits.
    pub weight: u64,
}

/// Permits that a bucket has given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Grant {
    /// The bucket's own number for them, by which they are given back.
    pub id: u64,
    /// In which of its logs they are, by a number of the bucket's own; zero if it keeps but
    /// one, or finds it by the name.
    pub place: u64,
    /// Permits.
    pub weight: u64,
    /// The grant's instant, on the bucket's clock: from then on its owner may go. It is
    /// ahead for one who has to wait.
    pub at: Timestamp,
    /// How long that was ahead when the bucket decided; zero for one who need not wait.
    pub wait: Duration,
    /// For how long the name was paused when the bucket decided; zero if it was not. Whoever
    /// waits behind a pause looks from time to time whether it was ended early.
    pub paused: Duration,
}

impl Grant {
    /// A grant of `weight` permits, at `at` on the bucket's clock, which is `wait` ahead.
    pub const fn new(id: u64, weight: u64, at: Timestamp, wait: Duration) -> Self {
        Self {
            id,
            place: 0,
            weight,
            at,
            wait,
            paused: Duration::ZERO,
        }
    }

    /// The same, in a certain log.
    pub const fn in_place(self, place: u64) -> Self {
        Self { place, ..self }
    }

    /// The same, given while the name is paused for so long.
    pub const fn paused(self, paused: Duration) -> Self {
        Self { paused, ..self }
    }
}

/// How much of one rate a key has used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Usage {
    /// The rate.
    pub rate: Rate,
    /// Permits that count in its window, those that are waited for among them.
    pub used: u64,
    /// When the first of them leaves the window: then more is to be had. Zero if none counts.
    pub resets_in: Duration,
}

impl Usage {
    /// So many permits of a rate, of which the first leaves the window after that time.
    pub const fn new(rate: Rate, used: u64, resets_in: Duration) -> Self {
        Self {
            rate,
            used,
            resets_in,
        }
    }

    /// How many permits more the rate allows now.
    pub fn remaining(&self) -> u64 {
        self.rate.limit().saturating_sub(self.used)
    }
}
