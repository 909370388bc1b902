//! Lock-based limiters: the same exact sliding-window log, behind three locks.
//!
//! As tidegate does, each keeps the times of its last permits in a ring in
//! shared memory, looks one slot back for each rate, reads the clock once in a
//! call, and says on refusal how long to wait. What differs is that a lock
//! orders the callers:
//!
//! - [`RobustMutex`]: a process-shared robust pthread mutex;
//! - [`FileLock`]: `flock(2)`, each process through an open file of its own;
//! - [`SpinLock`]: test and test-and-set, pausing, then yielding.
//!
//! Each comes in two forms, for it matters much to those who wait: the plain one
//! reads the clock under the lock, so that times enter the log in order by
//! themselves; the other reads it [before](Locked::clock_first).

mod flock;
mod log;
mod mutex;
mod spin;

use std::io;
use std::time::Duration;

pub use flock::FileLock;
pub use mutex::RobustMutex;
pub use spin::SpinLock;

use self::log::Log;
use crate::clock::boottime;
use crate::contender::{Contender, Gate, Limit, Verdict};
use crate::shared::{Shareable, Shared};

/// A lock between processes.
pub trait Lock: Sync + Sized {
    /// Its part of the shared memory.
    type Word: Shareable;
    /// What each process needs to take it.
    type Key;

    /// In the words of a table: reading the clock under the lock, and before it.
    const NAMES: [&'static str; 2];

    /// Makes the lock in zeroed memory, before anybody forks.
    fn create(word: &Self::Word) -> io::Result<Self>;
    /// Called once in each process.
    fn key(&self) -> io::Result<Self::Key>;
    /// Waits until it is this process's.
    fn lock(word: &Self::Word, key: &Self::Key);
    /// Gives it up; only its owner may.
    fn unlock(word: &Self::Word, key: &Self::Key);
}

/// The lock beside what it protects: taking it brings the log's head along.
#[repr(C, align(128))]
struct Segment<W> {
    word: W,
    log: Log,
}

// SAFETY: both parts are shareable, and padding is never read.
#[allow(unsafe_code)]
unsafe impl<W: Shareable> Shareable for Segment<W> {}

/// A sliding-window log in shared memory behind the lock `L`.
pub struct Locked<L: Lock> {
    lock: L,
    segment: Shared<Segment<L::Word>>,
    limits: Vec<log::Nanos>,
    clock_first: bool,
}

impl<L: Lock> Locked<L> {
    /// An empty log under `limits`, which go from the shortest interval to the
    /// longest; no limit may be above [`SLOTS`].
    pub fn new(limits: &[Limit]) -> io::Result<Self> {
        if let Some(bad) = limits.iter().find(|rate| rate.limit > SLOTS as u64) {
            return Err(io::Error::other(format!(
                "limit {} is above the ring's {SLOTS} slots",
                bad.limit
            )));
        }
        let segment = Shared::<Segment<L::Word>>::new()?;
        let lock = L::create(&segment.word)?;
        let limits = limits.iter().map(|&rate| rate.into()).collect();
        Ok(Self {
            lock,
            segment,
            limits,
            clock_first: false,
        })
    }

    /// Reads the clock before taking the lock, so that others wait only for the log.
    /// A decision then holds for the later of that reading and the newest grant,
    /// both of them instants of the call, and is as exact.
    pub fn clock_first(self) -> Self {
        Self {
            clock_first: true,
            ..self
        }
    }
}

pub use log::SLOTS;

impl<L: Lock> Contender for Locked<L> {
    type Gate<'a>
        = Handle<'a, L>
    where
        Self: 'a;

    fn name(&self) -> &'static str {
        L::NAMES[usize::from(self.clock_first)]
    }

    fn enter(&self) -> io::Result<Handle<'_, L>> {
        Ok(Handle {
            key: self.lock.key()?,
            segment: &self.segment,
            limits: &self.limits,
            clock_first: self.clock_first,
        })
    }
}

/// One process's handle on a [`Locked`] limiter.
pub struct Handle<'a, L: Lock> {
    key: L::Key,
    segment: &'a Segment<L::Word>,
    limits: &'a [log::Nanos],
    clock_first: bool,
}

impl<L: Lock> Handle<'_, L> {
    /// Runs `inside` while holding the lock, for tests of what happens then.
    pub fn hold<R>(&self, inside: impl FnOnce() -> R) -> R {
        L::lock(&self.segment.word, &self.key);
        let result = inside();
        L::unlock(&self.segment.word, &self.key);
        result
    }

    /// Tries until granted, sleeping as long as each refusal says to: what
    /// callers do who cannot reserve. Returns the grant's instant and the sleeps.
    pub fn acquire_by_polling(&self) -> (u64, u64) {
        let mut sleeps = 0;
        loop {
            match self.try_acquire() {
                Ok(at) => return (at, sleeps),
                Err(wait) => std::thread::sleep(Duration::from_nanos(wait)),
            }
            sleeps += 1;
        }
    }
}

impl<L: Lock> Gate for Handle<'_, L> {
    #[inline]
    fn try_acquire(&self) -> Verdict {
        let log = &self.segment.log;
        if self.clock_first {
            let now = boottime();
            self.hold(|| log.decide(now, self.limits))
        } else {
            self.hold(|| log.decide(boottime(), self.limits))
        }
    }
}
