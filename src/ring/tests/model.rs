//! What the ring should be: a list of permits, and every rule by counting it.

use crate::ring::{Plan, Refusal};
use std::collections::VecDeque;

/// One permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permit {
    pub seq: u64,
    pub stamp: u64,
    pub void: bool,
}

/// A request that is granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    pub ready: u64,
    pub stamp: u64,
}

/// When a request's turn is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outlook {
    pub ready: u64,
    /// The window that holds it back most, if one does.
    pub window: Option<usize>,
}

/// A bucket that forgets nothing before its time.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    pub plan: Plan,
    /// All permits since the last flush, but for those that were leaked.
    pub permits: VecDeque<Permit>,
    pub paused_until: u64,
    /// The seq of the next permit.
    pub next: u64,
}

impl Model {
    pub fn new(plan: &Plan, next: u64) -> Self {
        Self {
            plan: plan.clone(),
            permits: VecDeque::new(),
            paused_until: 0,
            next,
        }
    }

    /// Judges by other rates from now on.
    pub fn set_plan(&mut self, plan: &Plan) {
        self.plan = plan.clone();
    }

    /// The newest stamp, void or not; 0 if there is none.
    pub fn newest(&self) -> u64 {
        self.permits.back().map_or(0, |permit| permit.stamp)
    }

    /// Live stamps, oldest first.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.permits.iter().filter(|p| !p.void).map(|p| p.stamp)
    }

    /// The newest live stamp.
    pub fn last(&self) -> u64 {
        self.live().next_back().unwrap_or(0)
    }

    /// The first tick at which `weight` more permits fit into the window of rate
    /// `index`: those that count at it are all that have not left it by then.
    fn fits_from(&self, index: usize, weight: u64) -> u64 {
        let window = self.plan.windows()[index];
        let fits = |tick: u64| {
            let counted = self.live().filter(|stamp| stamp + window.interval > tick);
            counted.count() as u64 + weight.min(window.limit) <= window.limit
        };
        let leaves = self.live().map(|stamp| stamp + window.interval);
        std::iter::once(0)
            .chain(leaves)
            .find(|&tick| fits(tick))
            .expect("an empty window fits")
    }

    /// When `weight` permits may be granted without overtaking anybody.
    pub fn turn(&self, now: u64, weight: u64) -> Outlook {
        let mut ready = now.max(self.paused_until.min(now + self.plan.horizon));
        let mut window = None;
        let mut latest = now;
        for index in 0..self.plan.windows().len() {
            let from = self.fits_from(index, weight);
            if from > latest {
                (latest, window) = (from, Some(index));
            }
        }
        ready = ready.max(latest);
        if self.last() > now + 1 {
            ready = ready.max(self.last());
        }
        Outlook { ready, window }
    }

    /// Live permits whose tick has not come.
    pub fn unready(&self, now: u64) -> u64 {
        self.live().filter(|&stamp| stamp > now + 1).count() as u64
    }

    /// Whether `weight` permits may wait, and if not, from which tick on they may, or
    /// need not.
    pub fn queue_has_room(&self, now: u64, weight: u64, ready: u64) -> Result<(), u64> {
        let fits = |tick| self.unready(tick) + weight <= self.plan.queue;
        if fits(now) {
            return Ok(());
        }
        let mut comes = self.live().map(|stamp| stamp.saturating_sub(1));
        Err(comes.find(|&tick| fits(tick)).unwrap_or(ready))
    }

    /// What is to be answered to a request.
    pub fn decide(&self, now: u64, weight: u64, max_wait: u64) -> Result<Grant, Refusal> {
        if weight > self.plan.smallest_limit() {
            return Err(Refusal::TooHeavy);
        }
        if weight == 0 {
            return Ok(Grant {
                ready: now,
                stamp: 0,
            });
        }
        let Outlook { ready, window } = self.turn(now, weight);
        if ready - now > max_wait.min(self.plan.horizon) {
            let window = window.unwrap_or(0);
            return Err(Refusal::Limited { now, ready, window });
        }
        if ready > now {
            self.queue_has_room(now, weight, ready)
                .map_err(|ready| Refusal::QueueFull { now, ready })?;
        }
        Ok(Grant {
            ready,
            stamp: self.stamp(now, ready),
        })
    }

    /// How a grant is stamped.
    pub fn stamp(&self, now: u64, ready: u64) -> u64 {
        ready.max(self.last()).max(now + 1)
    }

    pub fn push(&mut self, stamp: u64, weight: u64) {
        for _ in 0..weight {
            self.permits.push_back(Permit {
                seq: self.next,
                stamp,
                void: false,
            });
            self.next += 1;
        }
    }

    /// A permit that nobody has.
    pub fn push_void(&mut self, stamp: u64) {
        self.push(stamp, 1);
        self.cancel(self.next - 1..self.next);
    }

    pub fn cancel(&mut self, seqs: std::ops::Range<u64>) {
        for permit in self.permits.iter_mut().filter(|p| seqs.contains(&p.seq)) {
            permit.void = true;
        }
    }

    pub fn flush(&mut self) {
        self.permits.clear();
    }

    /// Drops, oldest first, what counts no more of the permits before `end`.
    pub fn leak(&mut self, now: u64, end: u64) {
        let is_over = |p: &Permit| p.seq < end && !self.counts(p, now);
        let over = self.permits.iter().take_while(|p| is_over(p)).count();
        self.permits.drain(..over);
    }

    /// The seq of the oldest permit that is left.
    pub fn oldest(&self) -> u64 {
        self.permits.front().map_or(self.next, |p| p.seq)
    }

    /// Drops what is older than `tail`: none of it may count.
    pub fn leak_to(&mut self, tail: u64, now: u64) {
        while self.permits.front().is_some_and(|p| p.seq < tail) {
            let permit = self.permits.pop_front().expect("there is one");
            assert!(!self.counts(&permit, now), "{permit:?} was lost at {now}");
        }
    }

    /// Whether it has a part in any window.
    fn counts(&self, permit: &Permit, now: u64) -> bool {
        !permit.void && permit.stamp + self.plan.widest_interval() > now
    }

    /// The live stamps that count in the widest window, newest first, from seq
    /// `oldest` on.
    pub fn counted(&self, now: u64, oldest: u64) -> Vec<u64> {
        let counted = self.permits.iter().rev();
        let counted = counted.take_while(|p| p.seq >= oldest);
        counted
            .filter(|p| self.counts(p, now))
            .map(|p| p.stamp)
            .collect()
    }
}
