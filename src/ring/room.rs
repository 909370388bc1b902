//! Room in the queue: how many permits may be reserved ahead of their time.

use super::view::{Moved, View};
use super::{Plan, Ring};

impl Ring<'_> {
    /// Whether `weight` permits that have to wait until `ready` leave at most the
    /// plan's queue of live permits unready, and overwrite none of those.
    /// If not, the tick at which there is room, or at which they need not wait.
    pub(super) fn room(
        self,
        plan: &Plan,
        view: View,
        weight: u64,
        ready: u64,
    ) -> Result<Option<u64>, Moved> {
        let Some(others) = plan.queue.checked_sub(weight) else {
            return Ok(Some(ready));
        };
        // As with the rates: the (others + 1)-th newest permit must have come, and so
        // must the newest that is overwritten. Voids may be taken for live ones as
        // long as that finds room.
        let is_past = |stamp: u64| stamp <= view.now + 1;
        let next = view.next();
        let tail = view.tail;
        let overwritten = (next + weight).saturating_sub(self.capacity() + 1);
        let nth = others + 1;
        let queue_ends = if nth > next.saturating_sub(tail) {
            None
        } else {
            Some(next - nth)
        };
        let mut full = false;
        for seq in [queue_ends, Some(overwritten).filter(|&seq| seq >= tail)]
            .into_iter()
            .flatten()
        {
            full |= !is_past(self.stamp_of(view, seq, view.now + 1)?.ticks());
        }
        if full {
            self.count_unready(view, others, overwritten)
        } else {
            Ok(None)
        }
    }

    /// The same by counting: from the newest back to the first live permit that has
    /// come, for live stamps do not decrease.
    #[cold]
    fn count_unready(
        self,
        view: View,
        others: u64,
        overwritten: u64,
    ) -> Result<Option<u64>, Moved> {
        let mut unready = 0;
        for seq in (self.floor(view)..view.next()).rev() {
            let slot = self.stamp_of(view, seq, view.now + 1)?;
            if slot.is_void() {
                continue;
            }
            if slot.ticks() <= view.now + 1 {
                break;
            }
            unready += 1;
            if unready > others || seq <= overwritten {
                // Stamps are rounded up: it has come one tick before its stamp.
                return Ok(Some(slot.ticks() - 1));
            }
        }
        Ok(None)
    }
}
