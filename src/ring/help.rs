//! Finishing a run whose owner has stopped between its CAS and its last stamp.

use super::stamp::Stamped;
use super::view::View;
use super::word::Slot;
use super::{Plan, Ring};

impl Ring<'_> {
    /// The stamp of the newest permit, void or not; 0 if none counts. `None` if the
    /// last run is not stamped to its end: its owner is at it, or gone.
    #[inline]
    pub(super) fn newest(self, view: View) -> Option<u64> {
        let Some(newest) = view.next().checked_sub(1).filter(|&seq| seq >= view.tail) else {
            return Some(0);
        };
        let slot = self.slot(newest);
        slot.is_of(self.lap(newest))
            .then(|| view.believed(slot).ticks())
    }

    /// Stamps what is unstamped of the last run, as its owner would have done: by
    /// the same rules, with the pause, over the permits before it. The clock is
    /// later than the owner's, and the tail was read before it, so the stamps are
    /// no earlier than any instant that the owner may act upon.
    #[cold]
    pub(super) fn help(self, plan: &Plan, view: View) {
        let end = view.next();
        let floor = self.floor(view);
        let mut start = end - 1;
        while start > floor && !self.is_stamped(start - 1) {
            start -= 1;
        }
        let last = match start > floor {
            true => self.stamp_of(view, start - 1, view.now + 1),
            false => Ok(Slot::new(0, 0)),
        };
        let Ok(last) = last else { return };
        let Ok(outlook) = self.look(plan, view, start, last.ticks(), end - start) else {
            return;
        };
        let mut ticks = outlook.ready.max(outlook.last).max(view.now + 1);
        for seq in start..end {
            match self.stamp(seq, ticks) {
                Stamped::Ours => {}
                Stamped::Theirs(theirs) => ticks = ticks.max(theirs),
                Stamped::Recycled => return,
            }
        }
    }
}
