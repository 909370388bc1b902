//! When a request's turn is: the look at the ring that decides.

use super::view::{Moved, View};
use super::{Plan, Ring, Window};

/// The answer for one request.
pub(super) struct Outlook {
    /// The first tick at which rates and pauses let the request through.
    pub ready: u64,
    /// The newest live stamp: if it is in the future, somebody is queued.
    pub last: u64,
    /// Which window set `ready`, or came nearest to it.
    pub window: usize,
}

/// What the permits say that decide if none was cancelled.
pub(super) struct Near {
    /// The first tick at which rates let the request through.
    pub free: u64,
    /// Which window set it.
    pub window: usize,
    /// The oldest permit that was looked at.
    oldest: u64,
}

impl Near {
    /// Whether no void is among the permits looked at, or newer.
    #[inline]
    pub fn is_exact(&self, newest_void: u64) -> bool {
        newest_void < self.oldest
    }
}

impl Outlook {
    /// The tick at which the request may be granted, without overtaking anybody.
    /// A stamp of now + 1 is nobody who waits: it is a grant of this very tick.
    #[inline]
    pub fn turn(&self, now: u64) -> u64 {
        if self.last > now + 1 {
            self.ready.max(self.last)
        } else {
            self.ready
        }
    }
}

/// How many of the newest live permits may still be in the window: the one before them
/// decides. A run can outweigh a limit that was lowered after it was reserved.
#[inline]
fn spared(window: &Window, weight: u64) -> u64 {
    window.limit.saturating_sub(weight)
}

impl Ring<'_> {
    /// When a run of `weight` permits from seq `at` on may be granted, judged by the
    /// permits before `at`. All of them are stamped; `last` is the stamp of the newest,
    /// void or not, or 0.
    pub(super) fn look(
        self,
        plan: &Plan,
        view: View,
        at: u64,
        last: u64,
        weight: u64,
    ) -> Result<Outlook, Moved> {
        let stamp_of = |seq| Ok(self.stamp_of(view, seq, last)?.ticks());
        let near = self.near(plan, view.tail, at, weight, stamp_of)?;
        let outlook = Outlook {
            ready: view.now.max(view.paused_until).max(near.free),
            last,
            window: near.window,
        };
        if outlook.turn(view.now) <= view.now || near.is_exact(view.newest_void) {
            Ok(outlook)
        } else {
            self.scan(plan, view, at, weight)
        }
    }

    /// Looks as if nothing had been cancelled. That is sound: a void permit keeps
    /// its stamp, which bounds the live ones before it.
    #[inline(always)]
    pub(super) fn near<E>(
        self,
        plan: &Plan,
        tail: u64,
        at: u64,
        weight: u64,
        stamp_of: impl Fn(u64) -> Result<u64, E>,
    ) -> Result<Near, E> {
        let newest = at.wrapping_sub(1);
        let mut near = Near {
            free: 0,
            window: 0,
            oldest: newest,
        };
        for (index, rate) in plan.windows().iter().enumerate() {
            let seq = newest.wrapping_sub(spared(rate, weight));
            if seq < tail {
                break;
            }
            near.oldest = seq;
            let leaves = stamp_of(seq)? + rate.interval;
            if leaves > near.free {
                (near.free, near.window) = (leaves, index);
            }
        }
        Ok(near)
    }

    /// Looks at live permits only, newest first, as far back as the ring remembers.
    #[cold]
    pub(super) fn scan(
        self,
        plan: &Plan,
        view: View,
        at: u64,
        weight: u64,
    ) -> Result<Outlook, Moved> {
        let floor = self.floor(view);
        let mut outlook = Outlook {
            ready: view.now.max(view.paused_until),
            last: 0,
            window: 0,
        };
        let mut windows = plan.windows().iter().enumerate().peekable();
        let mut latest = 0;
        let mut leave = |stamp: u64, index: usize, window: &Window, outlook: &mut Outlook| {
            if stamp + window.interval > latest {
                latest = stamp + window.interval;
                outlook.window = index;
            }
        };
        // No live permit that is older than those seen is stamped later than this.
        let mut bound = None;
        let mut live = 0;
        let mut seq = at;
        while seq > floor && windows.peek().is_some() {
            seq -= 1;
            let slot = self.stamp_of(view, seq, bound.unwrap_or(view.now + 1))?;
            bound = Some(bound.map_or(slot.ticks(), |b: u64| b.min(slot.ticks())));
            if slot.is_void() {
                continue;
            }
            live += 1;
            if live == 1 {
                outlook.last = slot.ticks();
            }
            while let Some((index, window)) = windows.next_if(|(_, w)| spared(w, weight) < live) {
                leave(slot.ticks(), index, window, &mut outlook);
            }
        }
        // The ring forgets what is older, but no live permit was forgotten before its
        // time: those count as granted by now, and by the earliest stamp that is left.
        if floor > view.tail {
            let bound = bound.unwrap_or(u64::MAX).min(view.now + 1);
            if live == 0 {
                outlook.last = bound;
            }
            for (index, window) in windows {
                leave(bound, index, window, &mut outlook);
            }
        }
        outlook.ready = outlook.ready.max(latest);
        Ok(outlook)
    }
}
