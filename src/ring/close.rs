//! Closing a bucket, so that another key may have it; and opening it for that key.
//!
//! Closing is one CAS on head from an even generation to the odd one after it. That
//! head still was as it was read proves that nobody has reserved since, and from then
//! on nobody can. The sequence numbers go on: so what a sleeper still does to an old
//! permit (a stamp, a cancel, a leak) meets permits that do not count any more.

use super::word::{Head, Pause};
use super::{Clock, KeyHash, Plan, Refusal, Ring};
use crate::sync::Ordering;

impl<'a> Ring<'a> {
    /// The same bucket, known by the generation that it is in now.
    pub fn at_present(self) -> Self {
        let generation = self.head_now().generation();
        Self {
            generation,
            key: None,
            ..self
        }
    }

    /// Head as it is.
    pub fn head_now(self) -> Head {
        // Acquire: pairs with the Release in `open_for`, and of the CAS in `swap` and `turn`.
        Head(self.head.load(Ordering::Acquire))
    }

    /// Whether it was ever opened. A bucket of zeros was not.
    pub fn was_used(self) -> bool {
        self.head_now().seq() >= self.capacity()
    }

    /// The hash of the key that it is for. Vouched for by what is looked at afterwards:
    /// a head, or a link, that has not moved.
    #[inline]
    pub fn key_hash(self) -> KeyHash {
        // Acquire, both: keep these loads before the one that vouches for them; and
        // pair with the Release in `open_for`.
        [
            self.read.key_hash[0].load(Ordering::Acquire),
            self.read.key_hash[1].load(Ordering::Acquire),
        ]
    }

    /// Whether it is for the key that the caller means. Ask after loading head: who swaps
    /// that very head then knows that it still was.
    #[inline]
    pub(super) fn is_the_keys(self) -> bool {
        self.key.is_none_or(|key| key == self.key_hash())
    }

    /// Closes the bucket if nothing in it can matter any more: no permit counts, none is
    /// waited for, and no pause is on. Where it is as it was opened, or was flushed, its
    /// opener may not have made it known yet: then `is_known` is asked. Whether this call
    /// closed it.
    pub fn close_if_quiescent(
        self,
        plan: &Plan,
        clock: &impl Clock,
        is_known: impl FnOnce() -> bool,
    ) -> Result<bool, Refusal> {
        // Before the plan's version: the bucket is quiescent by rates that were in force then.
        let read_first = clock.settled();
        let view = self.view(plan, clock)?;
        let now = read_first.min(view.now);
        let Some(newest) = self.newest(view) else {
            self.help(plan, view);
            return Ok(false);
        };
        // The newest stamp bounds all before it, also those that the ring has forgotten.
        let is_blank = view.next() <= view.tail;
        let is_over = is_blank || newest + plan.widest_interval() <= now;
        if !is_over {
            return Ok(false);
        }
        // AcqRel: pairs with its like in `is_kept`. Whoever pauses writes the tail too, which
        // stays as it is, between the pause and its look at the bucket: so either the pause
        // is seen here, or the pauser sees that the bucket is quiescent, and moves head.
        self.read.tail.fetch_max(0, Ordering::AcqRel);
        // Acquire: pairs with the Release in `change`, for what ended the pause.
        let pause = Pause(self.read.paused_until.load(Ordering::Acquire));
        let is_idle = pause.until(self.generation) <= now;
        Ok(is_idle && (!is_blank || is_known()) && self.turn(view.head))
    }

    /// Closes the bucket, whatever is in it. Whether this call closed it.
    pub fn close(self) -> bool {
        loop {
            let head = self.head_now();
            if head.generation() != self.generation || head.is_closed() || !self.is_the_keys() {
                return false;
            }
            if self.turn(head) {
                return true;
            }
        }
    }

    /// Opens a bucket that nobody else has, for a key. Nothing of before counts.
    pub fn open_for(self, key: KeyHash) -> Head {
        let found = self.head_now();
        let head = if self.was_used() {
            // One permit on, which is nobody's: so no value of head ever comes back, and
            // who has looked at the bucket in another life swaps nothing, however many
            // lives have gone by.
            Head::new(found.generation() | 1, found.seq())
                .turned()
                .after(1)
        } else {
            // The first seq is on lap 1, so that zeroed slots are unstamped.
            Head::new(0, self.capacity())
        };
        // Relaxed, all: the store of head below passes them on. The tail is raised, as
        // it always is: one who leaks or flushes may have slept since the last key.
        self.read.tail.fetch_max(head.seq(), Ordering::Relaxed);
        self.read.paused_until.store(0, Ordering::Relaxed);
        self.read.latest_end.store(0, Ordering::Relaxed);
        // Release, both: pair with the Acquire in `key_hash`. Who finds this key here
        // finds that the bucket is closed for the last one, or open for this one.
        self.read.key_hash[0].store(key[0], Ordering::Release);
        self.read.key_hash[1].store(key[1], Ordering::Release);
        // Release: pairs with the Acquire in `head_now` and `open_head`.
        self.head.store(head.0, Ordering::Release);
        head
    }

    fn turn(self, head: Head) -> bool {
        // AcqRel: Release pairs with the Acquire of who finds it closed; Acquire with the
        // Release of the CAS in `swap`. Relaxed: a failure is looked at anew.
        self.head
            .compare_exchange(head.0, head.turned().0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}
