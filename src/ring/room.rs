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
        // As with the rates: the (others + 1)-th newest permit must have come. A void may
        // be taken for a live one as long as that finds room. What is overwritten is older
        // still, for the ring is larger than its queue: it needs no look of its own, for
        // were it live and still to come, so would this one be.
        let next = view.next();
        let nth = others + 1;
        if nth > next.saturating_sub(view.tail) {
            return Ok(None);
        }
        let stamp = self.stamp_of(view, next - nth, view.now + 1)?.ticks();
        if stamp <= view.now + 1 {
            return Ok(None);
        }
        let overwritten = (next + weight).saturating_sub(self.capacity() + 1);
        self.count_unready(view, others, overwritten)
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
