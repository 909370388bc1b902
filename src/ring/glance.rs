//! The short way to a decision, for what nearly every call meets: all stamps in place, and
//! nothing cancelled, or nothing that matters.
//!
//! It decides nothing otherwise than the long way would; what it cannot decide it
//! leaves open. All of it is inlined, and hands neither the ring nor the view to
//! anybody: so both stay in registers.

use super::answer::{Refusal, Run};
use super::rivalry::Rivalry;
use super::view::View;
use super::{Clock, Plan, Ring};

/// Why a glance did not reserve.
pub enum Unsettled {
    /// It is refused.
    Refused(Refusal),
    /// It takes more than a glance.
    Open(Rivalry),
}

impl From<Refusal> for Unsettled {
    #[inline(always)]
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Ring<'_> {
    /// [`reserve_at_length`](Self::reserve_at_length), if a glance settles it.
    #[inline(always)]
    pub fn reserve_at_a_glance(
        self,
        plan: &Plan,
        clock: &impl Clock,
        weight: u64,
        max_wait: u64,
    ) -> Result<Run, Unsettled> {
        let open = Err(Unsettled::Open(Rivalry::none()));
        if weight == 0 || weight > plan.smallest_limit() {
            return open;
        }
        let view = self.view(plan, clock)?;
        let mut last = 0;
        if view.next() > view.tail {
            last = self.plain_stamp(view, view.next() - 1)?;
        }
        let stamp_of = |seq| self.plain_stamp(view, seq);
        let outlook = self.near(plan, view, view.next(), last, weight, stamp_of)?;
        let ready = outlook.turn(view.now);
        if ready <= view.now {
            if self.swap(view, weight) {
                let ticks = outlook.last.max(view.now + 1);
                if let Some(run) = self.stamp_own(view, weight, view.now, ticks) {
                    return Ok(run);
                }
            }
            return Err(Unsettled::Open(Rivalry::met()));
        }
        // Who is behind others in the queue has to look at the clock once more.
        let is_behind_nobody = outlook.last <= view.now + 1;
        if max_wait == 0 && is_behind_nobody && outlook.is_exact(view) && self.is_current(view) {
            return Err(Unsettled::Refused(Refusal::Limited {
                now: view.now,
                ready,
                window: outlook.window,
            }));
        }
        open
    }

    /// The stamp of a live permit, if there is nothing odd about it.
    #[inline(always)]
    fn plain_stamp(self, view: View, seq: u64) -> Result<u64, Unsettled> {
        let ticks = self.slot(seq).live_ticks(self.lap(seq));
        if view.believes(ticks) {
            Ok(ticks)
        } else {
            Err(Unsettled::Open(Rivalry::none()))
        }
    }
}
