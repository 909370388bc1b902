//! The rates in force, in the ring's own units: a private copy, checked once.

use super::word::{MAX_HORIZON, Version};

/// The most rates that one plan holds.
pub const MAX_RATES: usize = 8;
/// The largest limit of a rate, in permits.
pub const MAX_LIMIT: u64 = 1 << 32;
/// The longest interval of a rate, in ticks: five years.
pub const MAX_INTERVAL: u64 = 1826 * 24 * 3600 * 1_000_000;

/// The fewest slots of a ring: they fill one line of 128 bytes.
pub const MIN_CAPACITY: u64 = 16;
/// The most slots of a ring.
pub const MAX_CAPACITY: u64 = 1 << 34;

/// One rate: at most `limit` permits in every half-open window of `interval` ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// Permits.
    pub limit: u64,
    /// Ticks.
    pub interval: u64,
}

/// What a request is checked against.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The version word that these rates were read under.
    pub version: Version,
    windows: [Window; MAX_RATES],
    len: usize,
    /// How many live permits may be reserved ahead of their time.
    pub queue: u64,
    /// How far ahead of now, in ticks, anything is reserved, and a stamp believed.
    pub horizon: u64,
}

impl Plan {
    /// A plan of one to [`MAX_RATES`] windows, sorted by interval, limits rising;
    /// `None` if that is not what `windows` are, or if the largest limit and the
    /// queue do not fit `capacity`. Whoever read them from untrusted memory learns
    /// so here, before any arithmetic.
    pub fn new(
        version: Version,
        windows: &[Window],
        queue: u64,
        horizon: u64,
        capacity: u64,
    ) -> Option<Self> {
        let sane = |w: &Window| {
            (1..=MAX_LIMIT).contains(&w.limit) && (1..=MAX_INTERVAL).contains(&w.interval)
        };
        let rising =
            |pair: &[Window]| pair[0].limit < pair[1].limit && pair[0].interval < pair[1].interval;
        let widest = windows.last()?;
        let fits = widest.limit.checked_add(queue)? <= capacity && capacity.is_power_of_two();
        if windows.len() > MAX_RATES
            || !windows.iter().all(sane)
            || !windows.windows(2).all(rising)
            || !fits
            || !(1..=MAX_HORIZON).contains(&horizon)
        {
            return None;
        }
        let mut plan = Self {
            version,
            windows: Default::default(),
            len: windows.len(),
            queue,
            horizon,
        };
        plan.windows[..windows.len()].copy_from_slice(windows);
        Some(plan)
    }

    /// The plan that comes into force after this one, with other windows; `None` if they
    /// are not what [`new`](Self::new) takes.
    pub fn followed_by(&self, windows: &[Window], capacity: u64) -> Option<Self> {
        // What was reserved under the rates of before is still to be believed.
        let horizon = self.horizon.max(Self::horizon_for(windows, self.queue));
        Self::new(self.version.next(), windows, self.queue, horizon, capacity)
    }

    /// The windows, narrowest first.
    #[inline]
    pub fn windows(&self) -> &[Window] {
        &self.windows[..self.len]
    }

    /// The heaviest request that can ever be granted, in permits.
    pub fn smallest_limit(&self) -> u64 {
        self.windows[0].limit
    }

    /// After how many ticks a permit counts in no window.
    pub fn widest_interval(&self) -> u64 {
        self.windows[self.len - 1].interval
    }

    /// A horizon that no queue of `queue` permits behind full windows reaches,
    /// with a day of pause to spare.
    pub fn horizon_for(windows: &[Window], queue: u64) -> u64 {
        const DAY: u64 = 86_400_000_000;
        let full = |w: &Window| {
            w.interval
                .saturating_mul(queue.div_ceil(w.limit.max(1)).saturating_add(2))
        };
        windows
            .iter()
            .map(full)
            .fold(DAY, u64::saturating_add)
            .min(MAX_HORIZON)
    }
}
