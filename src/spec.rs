//! What a user asks of a limiter, and what is built from it.

use crate::error::OpenError;
use crate::rate::{Rate, interval_ticks, validate};
use crate::ring::word::Version;
use crate::ring::{MAX_CAPACITY, MIN_CAPACITY, Plan, Window};
use crate::segment::layout::{MAX_PROCESSES, Shape};
use std::time::Duration;

/// The queue of a limiter that asks for none: room for this many permits, or for the
/// largest limit if that is more.
pub const DEFAULT_QUEUE: u64 = 1024;
/// For how many processes a limiter counts apart that asks for nothing else.
pub const DEFAULT_PROCESSES: u64 = 64;

/// The same of each of many buckets: the largest limit; or half of what the ring has beside
/// it, if that is more, for that costs no memory. The other half is for permits that are
/// given back: a ring without it may have to refuse for longer where many are.
fn queue_of_a_key(limit: u64, capacity: Option<u64>) -> u64 {
    let least = limit.saturating_mul(2).checked_next_power_of_two();
    let capacity = capacity.or(least).unwrap_or(0).max(MIN_CAPACITY);
    limit.max(capacity.saturating_sub(limit) / 2)
}

/// What may be there already when a segment is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Presence {
    /// Attach if it is there, else make it.
    #[default]
    Any,
    /// Make it.
    New,
    /// Attach.
    Old,
}

/// What a user asks for.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    pub rates: Vec<Rate>,
    pub queue: Option<u64>,
    pub capacity: Option<u64>,
    pub keys: Option<u64>,
    pub processes: Option<u64>,
    pub group: Option<u32>,
    /// Count by the processor's counter, where the kernel does.
    pub counter: bool,
    pub presence: Presence,
    /// Give the segment the caller's rates, if it has others.
    pub override_rates: bool,
    /// Take the segment's rates and options, whatever they are.
    pub adopt: bool,
}

/// One bucket's numbers, checked against each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Design {
    pub windows: Vec<Window>,
    pub queue: u64,
    /// Slots.
    pub capacity: u64,
    /// Ticks.
    pub horizon: u64,
    /// For how many keys there are buckets; `None`: one bucket for all names.
    pub keys: Option<u64>,
    /// Whether a new segment counts by the processor's counter, where the kernel does.
    pub counter: bool,
    /// For how many processes there are lines of counts.
    pub processes: u64,
}

impl Spec {
    /// The numbers of a new bucket.
    pub fn design(&self) -> Result<Design, OpenError> {
        validate(&self.rates)?;
        let windows = windows_of(&self.rates);
        let limit = windows.last().map_or(0, |widest| widest.limit);
        let default = match self.keys {
            None => DEFAULT_QUEUE.max(limit),
            Some(_) => queue_of_a_key(limit, self.capacity),
        };
        let queue = self.queue.unwrap_or(default);
        let least = limit
            .checked_add(queue)
            .and_then(u64::checked_next_power_of_two)
            .unwrap_or(u64::MAX);
        if self.capacity.is_none() && least > MAX_CAPACITY {
            return Err(OpenError::Queue {
                queue,
                limit,
                most: MAX_CAPACITY.saturating_sub(limit),
            });
        }
        let capacity = self.capacity.unwrap_or(least.max(MIN_CAPACITY));
        let is_sane =
            (MIN_CAPACITY..=MAX_CAPACITY).contains(&capacity) && capacity.is_power_of_two();
        if capacity < least || !is_sane {
            return Err(OpenError::Capacity {
                capacity,
                limit,
                queue,
            });
        }
        let horizon = Plan::horizon_for(&windows, queue);
        Ok(Design {
            windows,
            queue,
            capacity,
            horizon,
            keys: self.keys,
            counter: self.counter,
            processes: self.processes.unwrap_or(DEFAULT_PROCESSES),
        })
    }
}

impl Design {
    /// What to say if these numbers do not fit each other.
    pub fn misfit(&self) -> OpenError {
        if self.processes > MAX_PROCESSES {
            return OpenError::Processes {
                processes: self.processes,
                most: MAX_PROCESSES,
            };
        }
        if let Some(keys) = self.keys {
            return OpenError::Keys {
                keys,
                capacity: self.capacity,
            };
        }
        OpenError::Capacity {
            capacity: self.capacity,
            limit: self.windows.last().map_or(0, |widest| widest.limit),
            queue: self.queue,
        }
    }

    /// How its segment is divided, if that is possible.
    pub fn shape(&self) -> Option<Shape> {
        Shape::new(self.capacity, self.keys, self.processes)
    }

    /// The plan under `version`; `None` if the numbers, read from somewhere else than a
    /// [`Spec`], do not fit each other.
    pub fn plan(&self, version: Version) -> Option<Plan> {
        Plan::new(
            version,
            &self.windows,
            self.queue,
            self.horizon,
            self.capacity,
        )
    }
}

/// Rates in the ring's units.
pub fn windows_of(rates: &[Rate]) -> Vec<Window> {
    rates
        .iter()
        .map(|rate| Window {
            limit: rate.limit(),
            interval: interval_ticks(rate),
        })
        .collect()
}

/// The ring's windows as rates.
pub fn rates_of(windows: &[Window]) -> Vec<Rate> {
    windows
        .iter()
        .map(|w| Rate::new(w.limit, Duration::from_micros(w.interval)))
        .collect()
}
