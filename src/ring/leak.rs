//! Forgetting: permits that have left every window, or all of them at once.

use super::view::View;
use super::{Clock, Plan, Refusal, Ring};
use crate::sync::Ordering;

/// What a leak did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leaked {
    /// Permits that had left every window, or were void, and were dropped.
    pub permits: u64,
    /// Impossible stamps that were brought back to the horizon, and unfinished runs
    /// that were stamped.
    pub repairs: u64,
}

impl Ring<'_> {
    /// Moves the tail past permits that can no longer matter, finishes a run that was
    /// abandoned, and mends stamps that lie beyond the horizon.
    /// No promise depends on it.
    pub fn leak(self, plan: &Plan, clock: &impl Clock) -> Result<Leaked, Refusal> {
        let mut leaked = Leaked::default();
        // The view reads its clock after the tail and the plan's version, which a
        // helper needs. Leaking needs it before the version: a permit that has left
        // the windows of a plan that was still in force then has left them for good.
        let read_first = clock.now();
        let view = self.view(plan, clock)?;
        // Unless the clock fell back.
        let now = read_first.min(view.now);
        let newest = match self.newest(view) {
            Some(newest) => newest,
            None => {
                self.help(plan, view);
                leaked.repairs += 1;
                self.newest(view).unwrap_or(now)
            }
        };
        if view.next() <= view.tail {
            return Ok(leaked);
        }
        let floor = self.floor(view);
        let mut tail = floor;
        // What the ring has forgotten may still count in a window, until a stamp that
        // bounds it has left them all.
        let mut forgotten_is_over = floor == view.tail;
        while tail < view.next() {
            let Ok(slot) = self.stamp_of(view, tail, newest) else {
                break;
            };
            let is_over = slot.ticks() + plan.widest_interval() <= now;
            if !slot.is_void() && !is_over {
                break;
            }
            forgotten_is_over |= is_over;
            tail += 1;
        }
        if !forgotten_is_over {
            tail = view.tail;
        }
        leaked.permits = tail - view.tail;
        leaked.repairs += self.mend(view, plan, floor);
        // Release: pairs with the Acquire in `tail`; passes on that our clock was read.
        self.read.tail.fetch_max(tail, Ordering::Release);
        Ok(leaked)
    }

    /// Drops all permits, also those that are still waited for: their owners keep
    /// their times, outside the new window.
    pub fn flush(self, plan: &Plan) -> Result<(), Refusal> {
        let head = self.open_head(plan)?;
        // Release: pairs with the Acquire in `tail`.
        self.read.tail.fetch_max(head.seq(), Ordering::Release);
        Ok(())
    }

    /// Brings stamps beyond the horizon, which nobody can have written in good faith,
    /// back to it: else the damage would block the bucket for decades.
    fn mend(self, view: View, plan: &Plan, from: u64) -> u64 {
        let furthest = view.now + plan.horizon;
        let mut mended = 0;
        for seq in from..view.next() {
            let found = self.slot(seq);
            if !found.is_of(self.lap(seq))
                || found.ticks() <= furthest
                || !self.is_current(view.head)
            {
                continue;
            }
            // Release: pairs with the Acquire in `slot`. Relaxed: who failed is not needed.
            let mended_slot = found.at(furthest);
            let swapped = self.cell(seq).compare_exchange(
                found.0,
                mended_slot.0,
                Ordering::Release,
                Ordering::Relaxed,
            );
            mended += u64::from(swapped.is_ok());
        }
        mended
    }
}
