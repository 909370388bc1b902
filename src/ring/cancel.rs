//! Giving permits back: later arrivals count as if they had never been.

use super::Ring;
use super::answer::Run;
use crate::sync::Ordering;

impl Ring<'_> {
    /// Gives back the run's permits, those whose slots are still theirs. Only the
    /// owner may, once, and no longer acts upon it.
    ///
    /// Those who are queued behind keep their time. To hand them, or a newcomer, the
    /// place that is free now would let too many through: others have computed
    /// theirs from it.
    pub fn cancel(self, run: &Run) {
        let Some(last) = run.seqs().last() else {
            return;
        };
        // Release: pairs with the Acquire in `newest_void`. It comes before the voids, so that
        // whoever could see them all knows that it has to look for them.
        self.read.newest_void.fetch_max(last, Ordering::Release);
        for seq in run.seqs() {
            self.void(seq);
        }
    }

    /// Gives back one permit.
    pub(super) fn void(self, seq: u64) {
        loop {
            let found = self.slot(seq);
            if self.is_recycled(seq) || !found.is_of(self.lap(seq)) || found.is_void() {
                return;
            }
            // The stamp stays: it still bounds those before it.
            // Release: pairs with the Acquire in `slot`. Relaxed: a failure reads anew.
            let void = found.voided();
            if self
                .cell(seq)
                .compare_exchange(found.0, void.0, Ordering::Release, Ordering::Relaxed)
                .is_ok()
            {
                return;
            }
        }
    }
}
