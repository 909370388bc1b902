//! Answers that take nothing: how many permits count, when, and how long to wait.

use super::view::View;
use super::word::Head;
use super::{Clock, Plan, Refusal, Ring};
use crate::sync::Ordering;

/// A request's turn, if nobody comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// The clock, in ticks.
    pub now: u64,
    /// The first tick at which the request could be granted.
    pub ready: u64,
    /// The index of the window that holds it back most.
    pub window: usize,
}

/// What counts in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Live permits.
    pub count: u64,
    /// The tick at which the oldest of them leaves it; 0 if there are none.
    pub leaves: u64,
}

impl Ring<'_> {
    /// When `weight` permits could be granted.
    pub fn waiting(self, plan: &Plan, clock: &impl Clock, weight: u64) -> Result<Turn, Refusal> {
        if weight > plan.smallest_limit() {
            self.check(plan)?;
            return Err(Refusal::TooHeavy);
        }
        loop {
            let (view, last) = self.settled_view(plan, clock)?;
            if weight == 0 {
                return Ok(Turn {
                    now: view.now,
                    ready: view.now,
                    window: 0,
                });
            }
            if let Ok(outlook) = self.look(plan, view, view.next(), last, weight)
                && self.is_current(view.head)
            {
                return Ok(Turn {
                    now: view.now,
                    ready: outlook.turn(view.now),
                    window: outlook.window,
                });
            }
        }
    }

    /// How many live permits still count in the widest window, those that are
    /// waited for among them.
    pub fn count(self, plan: &Plan, clock: &impl Clock) -> Result<u64, Refusal> {
        let (view, _) = self.settled_view(plan, clock)?;
        Ok(self.live(plan, view).count() as u64)
    }

    /// The same for each window, in the plan's order; and the clock.
    pub fn tallies(self, plan: &Plan, clock: &impl Clock) -> Result<(u64, Vec<Tally>), Refusal> {
        let (view, _) = self.settled_view(plan, clock)?;
        let mut tallies = vec![Tally::default(); plan.windows().len()];
        for stamp in self.live(plan, view) {
            for (tally, window) in tallies.iter_mut().zip(plan.windows()) {
                let leaves = stamp + window.interval;
                if leaves > view.now {
                    tally.count += 1;
                    tally.leaves = leaves;
                }
            }
        }
        Ok((view.now, tallies))
    }

    /// How many live permits are reserved for a tick that has not come.
    pub fn queued(self, plan: &Plan, clock: &impl Clock) -> Result<u64, Refusal> {
        let (view, _) = self.settled_view(plan, clock)?;
        Ok(self
            .live(plan, view)
            .take_while(|&stamp| stamp > view.now + 1)
            .count() as u64)
    }

    /// The stamp of the `nth` newest live permit, from 0; `None` if not so many
    /// count in the widest window.
    pub fn peek(self, plan: &Plan, clock: &impl Clock, nth: u64) -> Result<Option<u64>, Refusal> {
        let (view, _) = self.settled_view(plan, clock)?;
        Ok(self
            .live(plan, view)
            .nth(usize::try_from(nth).unwrap_or(usize::MAX)))
    }

    /// Whether the caller's plan and generation are still in force.
    pub fn check(self, plan: &Plan) -> Result<(), Refusal> {
        self.open_head(plan).map(|_| ())
    }

    /// How many permits were ever reserved.
    pub fn reserved(self) -> u64 {
        // Acquire: pairs with the Release of the CAS in `swap`.
        let head = Head(self.head.load(Ordering::Acquire));
        head.seq().saturating_sub(self.capacity())
    }

    /// A view under which all runs are stamped, and the newest stamp. Where nobody may help, the
    /// last run may be unstamped: it counts as granted now.
    fn settled_view(self, plan: &Plan, clock: &impl Clock) -> Result<(View, u64), Refusal> {
        loop {
            let view = self.view(plan, clock)?;
            match self.newest(view) {
                Some(last) => return Ok((view, last)),
                None if !self.may_help => return Ok((view, view.now + 1)),
                None => self.help(plan, view),
            }
        }
    }

    /// The stamps of live permits that count in the widest window, newest first. A
    /// slot that others have taken meanwhile ends them: its permit was the oldest.
    fn live(self, plan: &Plan, view: View) -> impl Iterator<Item = u64> {
        let widest = plan.widest_interval();
        (self.floor(view)..view.next())
            .rev()
            .map_while(move |seq| self.stamp_of(view, seq, view.now + 1).ok())
            .filter(|slot| !slot.is_void())
            .map(|slot| slot.ticks())
            .take_while(move |stamp| stamp + widest > view.now)
    }
}
