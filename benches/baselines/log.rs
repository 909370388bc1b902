//! The log itself; whoever calls holds the lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::contender::{Limit, Verdict};
use crate::shared::Shareable;

/// Length of the ring: the largest limit that it can keep.
pub const SLOTS: usize = 4096;

/// A [`Limit`] in the log's unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nanos {
    limit: u64,
    interval: u64,
}

impl From<Limit> for Nanos {
    fn from(rate: Limit) -> Self {
        Self {
            limit: rate.limit,
            interval: rate.interval.as_nanos() as u64,
        }
    }
}

/// Grant times in nanoseconds, in a ring.
///
/// Plain words would do behind a lock; relaxed atomics compile to the same, and
/// keep a process that dies half-way, or a second one that a broken lock lets in,
/// from being undefined behaviour.
#[repr(C)]
pub(super) struct Log {
    /// Permits ever granted; the next one's slot is this modulo [`SLOTS`].
    granted: AtomicU64,
    /// The newest permit's time, beside the lock: one line less to fetch.
    newest: AtomicU64,
    slots: [AtomicU64; SLOTS],
}

// SAFETY: atomics, for which zero is valid.
#[allow(unsafe_code)]
unsafe impl Shareable for Log {}

impl Log {
    /// Grants one permit at `now` or, if that is later, at the newest permit's
    /// time; or says how many nanoseconds are missing.
    ///
    /// An owner who dies before the last store leaves the log as it was: `granted`
    /// makes a permit count, and the slot written before it is one that no rate
    /// looks at (or, under a limit as large as the ring, one that looks newer
    /// than it is: too few for one interval, never too many).
    #[inline]
    pub(super) fn decide(&self, now: u64, limits: &[Nanos]) -> Verdict {
        let granted = self.granted.load(Relaxed);
        let now = now.max(self.newest.load(Relaxed));
        let mut ready = now;
        for rate in limits {
            let Some(seq) = granted.checked_sub(rate.limit) else {
                break;
            };
            ready = ready.max(self.slot(seq).load(Relaxed) + rate.interval);
        }
        if ready > now {
            return Err(ready - now);
        }
        self.slot(granted).store(now, Relaxed);
        self.newest.store(now, Relaxed);
        self.granted.store(granted + 1, Relaxed);
        Ok(now)
    }

    fn slot(&self, seq: u64) -> &AtomicU64 {
        &self.slots[seq as usize % SLOTS]
    }
}
