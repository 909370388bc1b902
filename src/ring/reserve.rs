//! Taking permits: look, swap head, stamp.

use super::answer::{Refusal, Run};
#[cfg(any(test, loom))]
use super::glance::Unsettled;
use super::rivalry::Rivalry;
use super::stamp::Stamped;
use super::word::Head;
use super::{Clock, Plan, Ring};
use crate::sync::Ordering;

impl Ring<'_> {
    /// Reserves `weight` permits, if their turn is at most `max_wait` ticks away: all
    /// of them, or none. A refusal writes nothing, except that it finishes a run
    /// which another caller left unstamped.
    ///
    /// [`ZoneBucket`](crate::zone::bucket::ZoneBucket) puts the two halves together in the same way, but
    /// with the second behind a call that takes neither ring nor view.
    #[cfg(any(test, loom))]
    pub fn reserve(
        self,
        plan: &Plan,
        clock: &impl Clock,
        weight: u64,
        max_wait: u64,
    ) -> Result<Run, Refusal> {
        match self.reserve_at_a_glance(plan, clock, weight, max_wait) {
            Ok(run) => Ok(run),
            Err(Unsettled::Refused(refusal)) => Err(refusal),
            Err(Unsettled::Open(rivalry)) => {
                self.reserve_at_length(plan, clock, weight, max_wait, rivalry)
            }
        }
    }

    /// Reserves `weight` permits, whatever is in the way: runs to finish, voids to look
    /// behind, others in the queue, and rivals. All of them or none, if their turn is at
    /// most `max_wait` ticks away. A refusal writes nothing, except that it finishes a run
    /// which another caller left unstamped.
    ///
    /// The exact sliding-window log is as old as rate limiting; that one CAS suffices
    /// for it rests on the facts in the module's docs.
    pub fn reserve_at_length(
        self,
        plan: &Plan,
        clock: &impl Clock,
        weight: u64,
        max_wait: u64,
        mut rivalry: Rivalry,
    ) -> Result<Run, Refusal> {
        if weight > plan.smallest_limit() {
            // By the rates in force?
            self.check(plan)?;
            return Err(Refusal::TooHeavy);
        }
        loop {
            rivalry.step_aside();
            let view = self.view(plan, clock)?;
            if weight == 0 {
                return Ok(Run {
                    head: view.head,
                    weight,
                    ready: view.now,
                    asked: view.now,
                });
            }
            let Some(last) = self.newest(view) else {
                // Its owner is probably at it, and done in a moment; or gone.
                if rivalry.has_stepped_aside() {
                    self.help(plan, view);
                } else {
                    rivalry.meet();
                }
                continue;
            };
            let Ok(outlook) = self.look(plan, view, view.next(), last, weight) else {
                continue;
            };
            let ready = outlook.turn(view.now);
            if ready > view.now {
                // A helper's clock may be ahead of ours: its stamp looks queued, and is not.
                let is_behind_nobody =
                    |by| outlook.ready <= by && outlook.last <= clock.now().saturating_add(1);
                let latest = view.now + max_wait.min(plan.horizon);
                if ready > latest {
                    if is_behind_nobody(latest) || !self.is_current(view.head) {
                        continue;
                    }
                    return Err(Refusal::Limited {
                        now: view.now,
                        ready,
                        window: outlook.window,
                    });
                }
                match self.room(plan, view, weight, ready) {
                    Ok(None) => {}
                    Ok(Some(ready))
                        if !is_behind_nobody(view.now) && self.is_current(view.head) =>
                    {
                        return Err(Refusal::QueueFull {
                            now: view.now,
                            ready,
                        });
                    }
                    _ => continue,
                }
            }
            if self.swap(view.head, weight) {
                let ticks = ready.max(outlook.last).max(view.now + 1);
                let run = Run {
                    head: view.head,
                    weight,
                    ready,
                    asked: view.now,
                };
                if let Some(run) = self.stamp_own(run, ticks) {
                    return Ok(run);
                }
            }
            rivalry.meet();
        }
    }

    #[inline(always)]
    pub(super) fn swap(self, head: Head, weight: u64) -> bool {
        // Release: pairs with the Acquire in `open_head` and `is_current`; passes on all
        // that this caller has seen: the stamps before its run, the plan, the tail. Relaxed:
        // a failure reads anew.
        let after = head.after(weight);
        self.head
            .compare_exchange(head.0, after.0, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Stamps the caller's own run. Where helpers were first, later arrivals are
    /// judged by their stamps: if one is earlier than the caller's own time, so
    /// is the grant. A later one is only an upper bound.
    ///
    /// `None` if the caller slept so long that the run's slots are others' by now, and
    /// nobody knows which time later arrivals took for its own: a run that need not wait
    /// was granted when it was asked for, but one that waits has lost its place.
    #[inline(always)]
    pub(super) fn stamp_own(self, mut run: Run, mut ticks: u64) -> Option<Run> {
        for (nth, seq) in run.seqs().enumerate() {
            match self.stamp(seq, ticks) {
                Stamped::Ours => {}
                Stamped::Theirs(theirs) => {
                    run.ready = run.ready.min(theirs);
                    ticks = ticks.max(theirs);
                }
                // Stamps ascend within a run: the first slot's bounds the instant.
                Stamped::Recycled if nth == 0 && run.waits() => return None,
                Stamped::Recycled => break,
            }
        }
        Some(run)
    }
}
