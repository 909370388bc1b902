//! Pauses: until some tick nothing is granted, to those who wait as to those who come.
//!
//! A pause is a word of its own, which every caller reads before the clock. Only an
//! evictor could miss it: it closes a bucket that is quiescent, and with the bucket goes the
//! pause. So whoever pauses a bucket that is about to be quiescent also moves head: then
//! the evictor's swap fails, or has come first, and the key gets another bucket.

use super::view::View;
use super::word::Pause;
use super::{Clock, Gate, Plan, Refusal, Ring};
use crate::sync::{AtomicU64, Ordering};

/// A bucket that will be quiescent in so many ticks is held back already. So an evictor that
/// finds it quiescent has read its clock that much later than the pauser did: by then everybody
/// sees the pause, which no ordering of these words alone ensures. Models look at the rest.
const SOON: u64 = if cfg!(loom) { 0 } else { 1000 };

impl Gate {
    /// Grants nothing to anybody until that tick, unless a longer pause is on.
    pub fn pause_all(&self, until: u64) {
        raise(&self.all_paused_until, 0, until);
    }

    /// Ends the pause of all; until when it was, or 0.
    pub fn resume_all(&self) -> u64 {
        end(&self.all_paused_until, 0)
    }

    /// Until when all are paused.
    pub fn paused_until(&self) -> u64 {
        // Acquire: pairs with the Release in `raise_once` and `end`.
        Pause(self.all_paused_until.load(Ordering::Acquire)).until(0)
    }
}

impl Ring<'_> {
    /// Grants nothing of this bucket until that tick, unless a longer pause is on.
    pub fn pause(self, plan: &Plan, clock: &impl Clock, until: u64) -> Result<(), Refusal> {
        self.open_head(plan)?;
        while !raise_once(&self.read.paused_until, self.generation, until) {
            // Another bucket's by now?
            self.open_head(plan)?;
        }
        while self.key.is_some() && !self.is_kept(plan, clock)? {}
        Ok(())
    }

    /// Ends the pause of this bucket; until when it was, or 0.
    pub fn resume(self, plan: &Plan) -> Result<u64, Refusal> {
        self.open_head(plan)?;
        Ok(end(&self.read.paused_until, self.generation))
    }

    /// The tick before which nothing is granted, by the pause of this bucket and that
    /// of all.
    #[inline]
    pub fn paused_until(self) -> u64 {
        // Acquire, both: pair with the Release in `raise_once` and `end`.
        let all = Pause(self.gate.all_paused_until.load(Ordering::Acquire));
        let own = Pause(self.read.paused_until.load(Ordering::Acquire));
        if all.0 | own.0 == 0 {
            return 0;
        }
        all.until(0).max(own.until(self.generation))
    }

    /// Whether no evictor can close the bucket that has not seen the pause which was set
    /// before. `false`: look again.
    fn is_kept(self, plan: &Plan, clock: &impl Clock) -> Result<bool, Refusal> {
        // Reads the tail by writing it: whoever moves it later passes our pause on to the
        // evictor that sees the bucket flushed. AcqRel: pairs with the other raises, and
        // with the Acquire in `view`.
        let tail = self.read.tail.fetch_max(0, Ordering::AcqRel);
        let view = self.view(plan, clock)?;
        let Some(newest) = self.newest(view) else {
            self.help(plan, view);
            return Ok(false);
        };
        let is_live = newest + plan.widest_interval() > view.now + SOON;
        if view.next() > tail && is_live {
            return Ok(true);
        }
        Ok(self.move_head(view, newest))
    }

    /// Reserves one permit and gives it back.
    fn move_head(self, view: View, newest: u64) -> bool {
        let has_moved = self.swap(view, 1);
        if has_moved && let Some(run) = self.stamp_own(view, 1, view.now, newest.max(view.now + 1))
        {
            self.cancel(&run);
        }
        has_moved
    }
}

fn raise(word: &AtomicU64, generation: u64, until: u64) {
    while !raise_once(word, generation, until) {}
}

/// Whether the pause is on until that tick at least. `false`: somebody changed the word.
fn raise_once(word: &AtomicU64, generation: u64, until: u64) -> bool {
    // Relaxed, both: nothing is read on the strength of it.
    let found = word.load(Ordering::Relaxed);
    if Pause(found).until(generation) >= until {
        return true;
    }
    // AcqRel: Release pairs with the Acquire of those who look; Acquire keeps the clock and
    // head, which `is_kept` reads, behind it.
    word.compare_exchange(
        found,
        Pause::new(generation, until).0,
        Ordering::AcqRel,
        Ordering::Relaxed,
    )
    .is_ok()
}

/// Ends a pause; until when it was, or 0.
fn end(word: &AtomicU64, generation: u64) -> u64 {
    loop {
        // Relaxed, both: nothing is read on the strength of it.
        let found = word.load(Ordering::Relaxed);
        let until = Pause(found).until(generation);
        if until == 0 {
            return 0;
        }
        // Release: pairs with the Acquire of those who look.
        if word
            .compare_exchange(found, 0, Ordering::Release, Ordering::Relaxed)
            .is_ok()
        {
            return until;
        }
    }
}
