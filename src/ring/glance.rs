//! The short way to a decision, for what nearly every call meets: all stamps in place, and
//! nothing cancelled, or nothing that matters.
//!
//! It decides nothing otherwise than the long way would; what it cannot decide it
//! leaves open. All of it is inlined, and hands neither the ring nor the view to
//! anybody: so both stay in registers.

use super::answer::{Refusal, Run};
use super::rivalry::Rivalry;
use super::word::TICK_END;
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
        let head = self.open_head(plan)?;
        let paused_until = self.paused_until();
        let tail = self.tail();
        let mut last = 0;
        if head.seq() > tail {
            last = self.plain_stamp(head.seq() - 1)?;
        }
        let near = self.near(plan, tail, head.seq(), weight, |seq| self.plain_stamp(seq))?;
        let ready = near.free.max(paused_until);
        let is_behind_nobody = last <= ready;
        // A stamp of now + 1 is nobody who waits: it is a grant of this very tick.
        let turn = if is_behind_nobody { ready } else { last - 1 };
        // The clock comes after the stamps, too: so all that is left to do with it is short,
        // and no stamp of a helper looks queued. A glance at it will do: one that comes too
        // early finds that the turn has not come, and what others had forgotten by then had
        // left every window before it.
        let now = clock.glance();
        if now >= TICK_END {
            return Err(Unsettled::Refused(Refusal::Exhausted));
        }
        if turn <= now {
            let run = Run {
                head,
                weight,
                ready: now,
                asked: now,
            };
            if self.swap(head, weight)
                && let Some(run) = self.stamp_own(run, now + 1)
            {
                return Ok(run);
            }
            return Err(Unsettled::Open(Rivalry::met()));
        }
        let is_believed = turn - now <= plan.horizon;
        // `newest_void` is loaded between the slots and `is_current`, whose Acquire loads keep
        // them in this order: nobody has reserved meanwhile, so the stamps that were read are
        // the ring's at the moment of that load, and what was given back by then is seen.
        if max_wait == 0
            && is_behind_nobody
            && is_believed
            && near.is_exact(self.newest_void())
            && self.is_current(head)
        {
            return Err(Unsettled::Refused(Refusal::Limited {
                now,
                ready: turn,
                window: near.window,
            }));
        }
        open
    }

    /// The stamp of a live permit, if there is nothing odd about it.
    #[inline(always)]
    fn plain_stamp(self, seq: u64) -> Result<u64, Unsettled> {
        let ticks = self.slot(seq).live_ticks(self.lap(seq));
        if ticks < TICK_END {
            Ok(ticks)
        } else {
            Err(Unsettled::Open(Rivalry::none()))
        }
    }
}
