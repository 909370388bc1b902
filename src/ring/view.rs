//! What a caller reads before it decides: every word once, the clock last.

use super::word::{Head, SEQ_END, Slot, TICK_END, Version};
use super::{Clock, Gate, Plan, Refusal, Ring};
use crate::sync::Ordering;

/// The bucket at one moment. Small, and passed by value: so the common path keeps it in
/// registers.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub head: Head,
    /// Permits before it count no more: leaked or flushed.
    pub tail: u64,
    /// No cancelled permit is newer.
    pub newest_void: u64,
    /// Nothing is granted before this tick.
    pub paused_until: u64,
    /// The clock, read after all the words: if head is still the same when it is
    /// swapped, nobody has reserved since, and nobody's stamp is later than now + 1
    /// unless it waits for its turn or was written by a helper.
    pub now: u64,
    /// Stamps later than this are damage.
    furthest: u64,
}

/// Head has moved since the view was taken: take another.
pub(super) struct Moved;

impl View {
    /// The seq of the next permit.
    #[inline]
    pub fn next(&self) -> u64 {
        self.head.seq()
    }

    /// Whether a stamp is believed as it is.
    #[inline]
    pub fn believes(&self, ticks: u64) -> bool {
        ticks <= self.furthest
    }

    /// A stamp, as far as it is believed.
    #[inline]
    pub fn believed(&self, slot: Slot) -> Slot {
        if self.believes(slot.ticks()) {
            slot
        } else {
            slot.at(self.furthest)
        }
    }
}

impl Gate {
    /// Whether the rates that the caller knows are those in force.
    #[inline]
    pub fn check(&self, plan: &Plan) -> Result<(), Refusal> {
        // Acquire: pairs with the Release of whoever changes the rates or removes.
        if Version(self.version.load(Ordering::Acquire)) == plan.version {
            Ok(())
        } else {
            Err(Refusal::Stale)
        }
    }
}

impl Ring<'_> {
    /// Head, if the caller's generation and plan are still those in force.
    #[inline]
    pub(super) fn open_head(self, plan: &Plan) -> Result<Head, Refusal> {
        // Acquire: pairs with the Release of the CAS in `swap`. Whoever sees a head
        // sees all stamps but the last run's, and a plan and a tail no older than
        // its owner's: a helper must not stamp by a looser plan.
        let head = Head(self.head.load(Ordering::Acquire));
        self.gate.check(plan)?;
        // An odd generation is a closed bucket's, also where the caller has no other.
        if self.generation & 1 == 1 || !self.is_the_keys() {
            return Err(Refusal::Closed);
        }
        // One comparison for two: of another generation it is far off, either way.
        if head.0.wrapping_sub(Head::new(self.generation, 0).0) < SEQ_END {
            Ok(head)
        } else if head.generation() == self.generation {
            Err(Refusal::Exhausted)
        } else {
            Err(Refusal::Closed)
        }
    }

    #[inline]
    pub(super) fn view(self, plan: &Plan, clock: &impl Clock) -> Result<View, Refusal> {
        let head = self.open_head(plan)?;
        let paused_until = self.paused_until();
        let tail = self.tail();
        let newest_void = self.newest_void();
        let now = clock.now();
        if now >= TICK_END {
            return Err(Refusal::Exhausted);
        }
        let furthest = now + plan.horizon;
        Ok(View {
            head,
            tail,
            newest_void,
            paused_until: paused_until.min(furthest),
            now,
            furthest,
        })
    }

    #[inline(always)]
    pub(super) fn tail(self) -> u64 {
        // Acquire: pairs with the Release in `leak` and `flush`; the leaker read its
        // clock before it, so ours, read after it, is no earlier.
        self.read.tail.load(Ordering::Acquire)
    }

    #[inline(always)]
    pub(super) fn newest_void(self) -> u64 {
        // Acquire: pairs with the Release in `cancel`.
        self.read.newest_void.load(Ordering::Acquire)
    }

    /// Whether nobody has reserved since head was read.
    #[inline]
    pub(super) fn is_current(self, head: Head) -> bool {
        // Acquire: keeps this load behind the slots' loads that it vouches for (their
        // own Acquire does), and pairs with the Release of the CAS in `swap`.
        self.head.load(Ordering::Acquire) == head.0
    }

    /// The oldest permit that the view can speak of: older ones do not count, or
    /// their slots belong to others.
    #[inline]
    pub(super) fn floor(self, view: View) -> u64 {
        view.tail.max(view.next().saturating_sub(self.capacity()))
    }

    /// The stamp of a permit before the last run. A wrong lap under an unmoved head
    /// is damage, or a hole that a flush left: it counts as stamped at `instead`.
    #[inline]
    pub(super) fn stamp_of(self, view: View, seq: u64, instead: u64) -> Result<Slot, Moved> {
        let slot = self.slot(seq);
        if slot.is_of(self.lap(seq)) {
            return Ok(view.believed(slot));
        }
        self.is_current(view.head)
            .then_some(Slot::new(0, instead))
            .ok_or(Moved)
    }
}
