//! The words of one line: what one thread has counted, and whose thread that is.

use crate::sync::{AtomicU64, Ordering};

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Count {
    /// Requests that were granted.
    Requests,
    /// Permits that they got.
    Permits,
    /// Requests that a rate refused.
    Limited,
    /// Requests that found the queue full.
    QueueFull,
    /// Requests whose key found no bucket.
    Full,
    /// Waits that have ended with a grant.
    Waits,
    /// Ticks that these took.
    Waited,
}

/// How many things are counted.
pub const COUNTS: usize = Count::Waited as usize + 1;

/// What one thread counts; or, on the first line, all those that have none of their own.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Line {
    /// By [`Count`]. They only rise, whoever has the line.
    pub counts: [AtomicU64; COUNTS],
    /// Callers that wait; below zero, if they began to on another line.
    pub waiting: AtomicU64,
    /// Tick of the last grant or refusal.
    pub last_use: AtomicU64,
    pub owner: Owner,
}

/// Whose line it is, or was last.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Owner {
    /// In its own pid namespace. 0: nobody's yet, or just changing hands.
    pub pid: AtomicU64,
    /// When that process was started, in the system's ticks since the boot.
    pub start: AtomicU64,
    /// What had been counted before it had the line.
    pub before: [AtomicU64; COUNTS],
}

/// How a word is added to.
#[derive(Clone, Copy, Debug)]
pub enum Hand {
    /// Nobody else writes it.
    Own,
    Shared,
}

impl Hand {
    /// Adds to a word.
    #[inline(always)]
    pub fn add(self, word: &AtomicU64, value: u64) {
        // Relaxed, all: each word stands for itself, and is shown, not acted upon.
        match self {
            Self::Own => {
                let sum = word.load(Ordering::Relaxed).wrapping_add(value);
                word.store(sum, Ordering::Relaxed);
            }
            Self::Shared => {
                word.fetch_add(value, Ordering::Relaxed);
            }
        }
    }
}

impl Line {
    pub fn count(&self, what: Count) -> &AtomicU64 {
        &self.counts[what as usize]
    }

    #[inline(always)]
    pub fn granted(&self, hand: Hand, permits: u64, now: u64) {
        hand.add(self.count(Count::Requests), 1);
        hand.add(self.count(Count::Permits), permits);
        self.used(now);
    }

    #[inline(always)]
    pub fn refused(&self, hand: Hand, why: Count, now: u64) {
        hand.add(self.count(why), 1);
        self.used(now);
    }

    pub fn waits(&self, hand: Hand) {
        hand.add(&self.waiting, 1);
    }

    /// A wait has ended; with a grant, if a time is told.
    pub fn waited(&self, hand: Hand, ticks: Option<u64>) {
        // Minus one.
        hand.add(&self.waiting, u64::MAX);
        if let Some(ticks) = ticks {
            hand.add(self.count(Count::Waits), 1);
            hand.add(self.count(Count::Waited), ticks);
        }
    }

    #[inline(always)]
    fn used(&self, now: u64) {
        self.last_use.store(now, Ordering::Relaxed);
    }

    /// Whether as many requests were told of as are a multiple of that.
    pub fn is_round(&self, number: u64) -> bool {
        let get = |what| self.count(what).load(Ordering::Relaxed);
        let all = [
            Count::Requests,
            Count::Limited,
            Count::QueueFull,
            Count::Full,
        ]
        .map(get);
        all.into_iter().fold(0, u64::wrapping_add) % number == 0
    }

    /// Makes it the line of a process that has the lock on it. What was counted on it before
    /// stays: so no sum over lines ever falls.
    pub fn pass_to(&self, pid: u32, start: u64) {
        let owner = &self.owner;
        // Release, twice: pair with the Acquire in `read`, which takes what lies between two
        // equal pids.
        owner.pid.store(0, Ordering::Release);
        owner.start.store(start, Ordering::Relaxed);
        for (before, count) in owner.before.iter().zip(&self.counts) {
            before.store(count.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.waiting.store(0, Ordering::Relaxed);
        owner.pid.store(u64::from(pid), Ordering::Release);
    }
}
