//! Writing the stamps of a run: by its owner, or by whoever helps.

use super::Ring;
use super::word::Slot;
use crate::sync::Ordering;

/// Who stamped a slot.
pub(super) enum Stamped {
    /// This call.
    Ours,
    /// Somebody was first, with this stamp.
    Theirs(u64),
    /// The slot belongs to a later permit by now.
    Recycled,
}

impl Ring<'_> {
    /// Stamps one permit, unless somebody else has.
    ///
    /// It is a loop, and looks at head, for two reasons. The slot may hold any older
    /// lap, and another writer for it may be about: one CAS that fails must not leave
    /// a hole. And an owner may sleep for so many laps that the slot's lap looks
    /// like an earlier one: only head proves that the slot is still this permit's.
    #[inline(always)]
    pub(super) fn stamp(self, seq: u64, ticks: u64) -> Stamped {
        self.fill(seq, Slot::new(self.lap(seq), ticks))
    }

    /// The same with a stamp that may be void already.
    #[inline(always)]
    pub(super) fn fill(self, seq: u64, stamp: Slot) -> Stamped {
        loop {
            let found = self.slot(seq);
            if self.is_recycled(seq) {
                return Stamped::Recycled;
            }
            if found.is_of(stamp.lap()) {
                return Stamped::Theirs(found.ticks());
            }
            // Release: pairs with the Acquire in `slot`. Relaxed: a failure reads anew.
            if self
                .cell(seq)
                .compare_exchange(found.0, stamp.0, Ordering::Release, Ordering::Relaxed)
                .is_ok()
            {
                return Stamped::Ours;
            }
        }
    }
}
