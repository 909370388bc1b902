//! One bucket: an exact sliding-window log in a ring of stamps.
//!
//! The bucket remembers when its last C permits were granted, or will be. A
//! permit is a sequence number; its stamp is in slot seq mod C. A request of
//! weight w is a *run* of w sequence numbers. One CAS on `head` reserves it; only
//! then does its owner write the stamps. An owner that stops in between leaves
//! a run that is reserved but not stamped: the next caller stamps it and goes on.
//!
//! Two facts make a request O(1) for each rate, however large its limit:
//!
//! - live stamps never decrease with seq, for a caller reads the clock after head,
//!   and a CAS that succeeds proves that nobody came in between;
//! - a stamp is an upper bound of the grant instant of its permit, and of all
//!   live ones before it.
//!
//! So a rate (L, I) admits weight w iff the (L - w + 1)-th newest live permit has
//! left the window, and unless permits were cancelled that one is in a known slot.
//!
//! # Who may do what
//!
//! 1. `head` only rises, by CAS, by the one who reserves; or turns to the next
//!    generation, by the one who closes the bucket, or opens it for another key.
//! 2. A slot is stamped once a lap, by its owner or a helper, whoever is first.
//! 3. A run is reserved only when all runs before it are stamped, or flushed: so at
//!    most the last run is unstamped.
//! 4. A stamp once written changes only by its void bit, set by the owner; or by the
//!    janitor, who brings an impossible stamp (beyond the horizon) back to it.
//! 5. `tail` and `newest_void` only rise.
//! 6. A lap is a hint. That head is at most C past seq is the proof.
//!
//! The words are borrowed: from a mapped segment, from the heap, or from a model.

mod answer;
mod cancel;
mod close;
mod glance;
#[cfg(any(test, loom))]
mod heap;
mod help;
mod leak;
mod look;
mod pause;
mod plan;
mod rates;
mod read;
mod recover;
mod reserve;
mod rivalry;
mod room;
mod stamp;
mod view;
pub mod word;

#[cfg(all(test, not(loom)))]
pub mod tests;

use crate::sync::{AtomicU64, Ordering};
pub use answer::{Refusal, Run};
pub use glance::Unsettled;
#[cfg(any(test, loom))]
pub use heap::Heap;
pub use leak::Leaked;
pub use plan::{MAX_CAPACITY, MAX_INTERVAL, MAX_LIMIT, MAX_RATES, MIN_CAPACITY, Plan, Window};
pub use rates::{PlanArea, Rates};
pub use read::{Tally, Turn};
pub use rivalry::Rivalry;
use word::{Head, Slot};

/// The time of a bucket.
pub trait Clock {
    /// Ticks since the segment's epoch, rounded down. Never taken from a cache: the
    /// ring's proofs need a read that comes after the loads before it.
    fn now(&self) -> u64;

    /// The same, but it may have been read somewhat before what precedes it in the program, by
    /// as much as the processor looks ahead: less than what [`settled`](Self::settled) leaves.
    #[inline(always)]
    fn glance(&self) -> u64 {
        self.now()
    }

    /// A tick that has passed for everybody, whichever way they look at the clock. Who
    /// forgets what nobody may ask for any more goes by it: a caller who sees that it is
    /// forgotten would, by an earlier tick, still have had to count it.
    fn settled(&self) -> u64 {
        self.now()
    }
}

impl<F: Fn() -> u64> Clock for F {
    fn now(&self) -> u64 {
        self()
    }
}

/// The words of a bucket that are mostly read.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct ReadLine {
    /// Sequence number: permits before it count no more.
    pub tail: AtomicU64,
    /// Sequence number: no cancelled permit is newer.
    pub newest_void: AtomicU64,
    /// [`word::Pause`] of this bucket.
    pub paused_until: AtomicU64,
    /// The latest end that any pause of this bucket was to have: a [`word::Pause`], too.
    pub latest_end: AtomicU64,
    /// Hash of the key that the bucket is for.
    pub key_hash: [AtomicU64; 2],
    /// The next bucket of its chain.
    pub link: AtomicU64,
    /// The first bytes of the key, for humans.
    pub label: [AtomicU64; 9],
}

/// The words of a segment that every call looks at, whatever its bucket.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct Gate {
    /// [`word::Version`].
    pub version: AtomicU64,
    /// [`word::Pause`] of all buckets, of generation 0.
    pub all_paused_until: AtomicU64,
    /// The latest end that any of them was to have, of generation 0.
    pub all_latest_end: AtomicU64,
}

/// The hash of a key.
pub type KeyHash = [u64; 2];

/// One bucket, as a caller meets it.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
    /// [`Head`], on a line of its own: reservations contend for it.
    pub head: &'a AtomicU64,
    /// What is mostly read.
    pub read: &'a ReadLine,
    /// The segment's gate.
    pub gate: &'a Gate,
    /// [`Slot`]s: a power of two of them.
    pub slots: &'a [AtomicU64],
    /// The generation that the caller knows the bucket by.
    pub generation: u64,
    /// The hash of the key that it is to be for, where buckets have keys: generations
    /// begin again after 2,048 other keys.
    pub key: Option<KeyHash>,
    /// Whether who merely looks may finish what an owner left unstamped: not where nobody may
    /// write.
    pub may_help: bool,
}

impl<'a> Ring<'a> {
    /// Slots: how many permits the bucket remembers.
    #[inline]
    pub fn capacity(self) -> u64 {
        self.slots.len() as u64
    }

    #[inline]
    fn lap(self, seq: u64) -> u64 {
        seq >> self.slots.len().trailing_zeros()
    }

    #[inline]
    fn cell(self, seq: u64) -> &'a AtomicU64 {
        &self.slots[seq as usize & (self.slots.len() - 1)]
    }

    /// The slot of `seq`, with whatever is in it.
    #[inline]
    fn slot(self, seq: u64) -> Slot {
        // Acquire: pairs with the Release in `fill`, and in `void` and `mend`, which keep
        // the stamp. Whoever sees a stamp sees the stamps before it, and a head beyond
        // it: so `is_recycled`, asked afterwards, cannot miss that the slot was taken by a
        // later lap.
        Slot(self.cell(seq).load(Ordering::Acquire))
    }

    #[inline]
    fn is_stamped(self, seq: u64) -> bool {
        self.slot(seq).is_of(self.lap(seq))
    }

    /// Whether the slot of `seq` belongs to a later permit by now. Ask after loading
    /// the slot, never before.
    #[inline]
    fn is_recycled(self, seq: u64) -> bool {
        // Relaxed: ordered behind the slot's load by that load's Acquire.
        let head = Head(self.head.load(Ordering::Relaxed));
        head.seq() > seq.saturating_add(self.capacity())
    }
}
