//! Pauses: until some tick nothing is granted, to those who wait as to those who come.
//!
//! A pause is a word of its own, which every caller reads before the clock. Only an
//! evictor could miss it: it closes a bucket that is quiescent, and with the bucket goes the
//! pause. So whoever pauses a bucket that is about to be quiescent also moves head: then
//! the evictor's swap fails, or has come first, and the key gets another bucket.
//!
//! For that, one of the two must see what the other has done. Both write the tail, which stays
//! as it is: the pauser after the pause and before it looks, the evictor after it has looked
//! and before it reads the pause. Who writes second sees all that the first saw or did: a
//! pauser at least as late a clock, as new rates and as far a tail.
//!
//! Whoever queues in a pause gets a place behind it. If it is ended early, those places are
//! later than they need be, and stamps never decrease: one who gave up such a place for
//! another would get a later one, as long as others have theirs. So the word keeps the end
//! that was to be, and nobody who waits has a place behind it: see [`turn`](crate::turn).

use super::view::View;
use super::word::{Pause, Slot};
use super::{Clock, Gate, Plan, Refusal, Ring};
use crate::sync::{AtomicU64, Ordering};
use std::convert::Infallible;

/// A bucket that will be quiescent in so many ticks is held back already: the clocks of two
/// processors may differ a little.
const SOON: u64 = 1000;

impl Gate {
    /// Grants nothing to anybody until that tick, unless a longer pause is on.
    pub fn pause_all(&self, until: u64) {
        let Ok(()) = raise(&self.all_paused_until, 0, until, nobody_elses);
    }

    /// Ends the pause of all; until when it was, or 0.
    pub fn resume_all(&self) -> u64 {
        let Ok(until) = end(&self.all_paused_until, 0, nobody_elses);
        until
    }

    /// Until when all are paused.
    pub fn paused_until(&self) -> u64 {
        // Acquire: pairs with the Release in `change`.
        Pause(self.all_paused_until.load(Ordering::Acquire)).until(0)
    }
}

impl Ring<'_> {
    /// Grants nothing of this bucket until that tick, unless a longer pause is on.
    pub fn pause(self, plan: &Plan, clock: &impl Clock, until: u64) -> Result<(), Refusal> {
        let is_ours = || self.check(plan);
        raise(&self.read.paused_until, self.generation, until, is_ours)?;
        while self.key.is_some() && !self.is_kept(plan, clock)? {}
        Ok(())
    }

    /// Ends the pause of this bucket; until when it was, or 0.
    pub fn resume(self, plan: &Plan) -> Result<u64, Refusal> {
        let is_ours = || self.check(plan);
        end(&self.read.paused_until, self.generation, is_ours)
    }

    /// The tick before which nothing is granted, by the pause of this bucket and that
    /// of all.
    #[inline]
    pub fn paused_until(self) -> u64 {
        // Acquire, both: pair with the Release in `change`.
        let all = Pause(self.gate.all_paused_until.load(Ordering::Acquire));
        let own = Pause(self.read.paused_until.load(Ordering::Acquire));
        if all.0 | own.0 == 0 {
            return 0;
        }
        all.until(0).max(own.until(self.generation))
    }

    /// When the pauses of this bucket and of all would have ended that were ended early: up to
    /// then some may still have places behind them.
    pub fn ended_early(self) -> u64 {
        // Acquire, both: pair with the Release in `change`.
        let all = Pause(self.gate.all_paused_until.load(Ordering::Acquire));
        let own = Pause(self.read.paused_until.load(Ordering::Acquire));
        all.ended_early(0).max(own.ended_early(self.generation))
    }

    /// Whether no evictor can close the bucket that has not seen the pause which was set
    /// before, or that pause is over. `false`: look again.
    fn is_kept(self, plan: &Plan, clock: &impl Clock) -> Result<bool, Refusal> {
        // AcqRel: pairs with its like in `close_if_quiescent`.
        let tail = self.read.tail.fetch_max(0, Ordering::AcqRel);
        let view = self.view(plan, clock)?;
        if view.paused_until <= view.now {
            return Ok(true);
        }
        let Some(newest) = self.newest(view) else {
            self.help(plan, view);
            return Ok(false);
        };
        // Where somebody waits it is live, however short the interval: so head, moved
        // below, takes no slot that is waited for.
        let widest = plan.widest_interval();
        let is_live = newest + widest > view.now + SOON.min(widest);
        if view.next() > tail && is_live {
            return Ok(true);
        }
        Ok(self.move_head(view, newest))
    }

    /// Reserves one permit that is void from the first, so that it holds up nobody.
    fn move_head(self, view: View, newest: u64) -> bool {
        let seq = view.next();
        // Release: as in `cancel`. Where the swap fails it is a bound all the same.
        self.read.newest_void.fetch_max(seq, Ordering::Release);
        let has_moved = self.swap(view.head, 1);
        if has_moved {
            let stamp = Slot::new(self.lap(seq), newest.max(view.now + 1));
            self.fill(seq, stamp.voided());
            // Where a helper was first, it knew of no void.
            self.void(seq);
        }
        has_moved
    }
}

/// Whose the pause of all is.
fn nobody_elses() -> Result<(), Infallible> {
    Ok(())
}

/// Pauses until that tick at least.
fn raise<E>(
    word: &AtomicU64,
    generation: u64,
    until: u64,
    is_ours: impl Fn() -> Result<(), E>,
) -> Result<(), E> {
    loop {
        let found = found(word, &is_ours)?;
        if found.until(generation) >= until || change(word, found, Pause::new(generation, until)) {
            return Ok(());
        }
    }
}

/// Ends a pause; until when it was, or 0.
fn end<E>(
    word: &AtomicU64,
    generation: u64,
    is_ours: impl Fn() -> Result<(), E>,
) -> Result<u64, E> {
    loop {
        let found = found(word, &is_ours)?;
        let until = found.until(generation);
        if until == 0 || change(word, found, found.ended()) {
            return Ok(until);
        }
    }
}

/// What is in the word, if its bucket was still the caller's then: else it may be the pause
/// of another key, which is not the caller's to change.
fn found<E>(word: &AtomicU64, is_ours: impl Fn() -> Result<(), E>) -> Result<Pause, E> {
    // Acquire: pairs with the Release in `change`, by one who knows whose the bucket is.
    let found = Pause(word.load(Ordering::Acquire));
    is_ours().map(|()| found)
}

fn change(word: &AtomicU64, from: Pause, to: Pause) -> bool {
    // AcqRel: Release pairs with the Acquire of those who look; Acquire keeps the clock and
    // head, which `is_kept` reads, behind it. Relaxed: a failure looks again.
    word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed)
        .is_ok()
}
