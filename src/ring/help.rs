//! Finishing a run whose owner has stopped between its CAS and its last stamp.

use super::stamp::Stamped;
use super::view::View;
use super::{Plan, Ring};

impl Ring<'_> {
    /// Whether the last run is not stamped to its end: its owner is at it, or gone.
    #[inline]
    pub(super) fn is_unfinished(&self, view: &View) -> bool {
        view.next() > view.tail && view.next() > 0 && !self.is_stamped(view.next() - 1)
    }

    /// Stamps what is unstamped of the last run, as its owner would have done: by
    /// the same rules, with the pause, over the permits before it. The clock is
    /// later than the owner's, and the tail was read before it, so the stamps are
    /// no earlier than any instant that the owner may act upon.
    #[cold]
    pub(super) fn help(&self, plan: &Plan, view: &View) {
        let end = view.next();
        let floor = self.floor(view);
        let mut start = end - 1;
        while start > floor && !self.is_stamped(start - 1) {
            start -= 1;
        }
        let Ok(outlook) = self.look(plan, view, start, end - start) else {
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
