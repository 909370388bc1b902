//! The least that a shared limiter can do: yardsticks, not limiters.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::boottime;
use crate::contender::{Contender, Gate, Verdict};
use crate::shared::{Padded, Shared};

/// One read of the clock.
pub struct Clock;

impl Contender for Clock {
    type Gate<'a> = Self;

    fn name(&self) -> &'static str {
        "clock alone"
    }

    fn enter(&self) -> io::Result<Self> {
        Ok(Self)
    }
}

impl Gate for Clock {
    #[inline]
    fn try_acquire(&self) -> Verdict {
        Ok(boottime())
    }
}

/// One read of the clock and one compare-and-swap on a line that all share,
/// again until it succeeds: the frame of every limiter that must know the time
/// of its grant before it publishes it.
pub struct Swap {
    word: Shared<Padded<AtomicU64>>,
}

impl Swap {
    /// A word of its own.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            word: Shared::new()?,
        })
    }
}

impl Contender for Swap {
    type Gate<'a> = &'a AtomicU64;

    fn name(&self) -> &'static str {
        "clock + CAS"
    }

    fn enter(&self) -> io::Result<&AtomicU64> {
        Ok(&self.word.0)
    }
}

impl Gate for &AtomicU64 {
    #[inline]
    fn try_acquire(&self) -> Verdict {
        loop {
            let word = self.load(Ordering::Relaxed);
            let now = boottime();
            let swapped =
                self.compare_exchange(word, word + 1, Ordering::AcqRel, Ordering::Relaxed);
            if swapped.is_ok() {
                return Ok(now);
            }
        }
    }
}
