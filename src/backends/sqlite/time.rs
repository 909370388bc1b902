//! The time of a bucket in a file.
//!
//! Windows may be longer than the machine runs, so the time has to go on through a restart;
//! and the wall clock, which does, may be set. So the bucket counts by the machine's boot-time
//! clock, and the file keeps by how much that is shifted. The first who opens the file after
//! a restart sets the time on by what the wall clock says has passed since it was last seen,
//! and never back: only a wall clock that is set in between is taken at its word.

use crate::clock::{Clock, ClockError, ClockKind, Wall};
use crate::segment::boot::{boot_id, time_namespace};
use crate::sync::{AtomicU64, Ordering};
use std::sync::Arc;

/// What a bucket tells the time by.
pub struct Time {
    source: Source,
    /// Added to the boot-time clock of this process: microseconds, as the bits of an `i64`.
    shift: AtomicU64,
    /// No time that was told is later, if a clock was set back.
    latest: AtomicU64,
}

#[derive(Clone)]
pub enum Source {
    /// The kernel's boot-time clock.
    Boot,
    /// A clock of the user's.
    Own(Arc<dyn Clock>),
}

impl Source {
    /// What the file calls it: those who share a bucket must share a clock.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Own(_) => "own",
        }
    }
}

/// When the bucket's clock and the wall clock were last seen together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Which boot.
    pub boot: [u8; 16],
    /// What is added to the machine's boot-time clock then.
    pub shift: i64,
    pub wall: u64,
    pub bucket: u64,
}

impl Time {
    pub fn new(source: Source) -> Self {
        Self {
            source,
            shift: AtomicU64::new(0),
            latest: AtomicU64::new(0),
        }
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What the clock says, in microseconds.
    pub fn clock(&self) -> Result<u64, ClockError> {
        match &self.source {
            Source::Own(clock) => Ok(clock.now()?.as_micros()),
            Source::Boot => {
                // Relaxed: one word, which nothing else depends on.
                let shift = self.shift.load(Ordering::Relaxed) as i64;
                Ok(boot_micros()?.saturating_add(shift).max(0) as u64)
            }
        }
    }

    /// The time, which never goes back for this handle.
    pub fn now(&self) -> Result<u64, ClockError> {
        // Relaxed: one word, which nothing else depends on.
        Ok(self.clock()?.max(self.latest.load(Ordering::Relaxed)))
    }

    /// The clock was set back: time stands still at `at`, until it has caught up.
    pub fn stand_at(&self, at: u64) {
        // Relaxed: one word, which nothing else depends on.
        self.latest.fetch_max(at, Ordering::Relaxed);
    }

    /// Goes on from what the file says of this time; what it shall say from now on, if that
    /// is something else.
    pub fn go_on(&self, seen: Option<Seen>) -> Result<Option<Seen>, ClockError> {
        if let Source::Own(_) = self.source {
            return Ok(None);
        }
        let boot = this_boot()?;
        if let Some(seen) = seen.filter(|seen| seen.boot == boot) {
            self.set_shift(seen.shift);
            return Ok(None);
        }
        let wall = Wall.now()?.as_micros();
        let bucket = match seen {
            Some(seen) => seen.bucket.saturating_add(wall.saturating_sub(seen.wall)),
            None => wall,
        };
        let bucket = bucket.min(i64::MAX as u64);
        let machine = boot_micros()?.saturating_sub(ahead_of_machine());
        let shift = (bucket as i64).saturating_sub(machine);
        self.set_shift(shift);
        Ok(Some(Seen {
            boot,
            shift,
            wall,
            bucket,
        }))
    }

    /// The two clocks together, now; `None` for a clock that needs no other.
    pub fn pair(&self) -> Result<Option<(u64, u64)>, ClockError> {
        match self.source {
            Source::Own(_) => Ok(None),
            Source::Boot => Ok(Some((Wall.now()?.as_micros(), self.clock()?))),
        }
    }

    fn set_shift(&self, shift: i64) {
        let shift = shift.saturating_sub(ahead_of_machine());
        // Relaxed: one word, which nothing else depends on.
        self.shift.store(shift as u64, Ordering::Relaxed);
    }
}

/// The boot-time clock of this process's time namespace.
fn boot_micros() -> Result<i64, ClockError> {
    ClockKind::DEFAULT.micros().map_err(unreadable)
}

/// By how much that is ahead of the machine's.
fn ahead_of_machine() -> i64 {
    let [seconds, nanos] = time_namespace(ClockKind::DEFAULT).map(|part| part as i64);
    seconds
        .saturating_mul(1_000_000)
        .saturating_add(nanos / 1000)
}

fn this_boot() -> Result<[u8; 16], ClockError> {
    let [high, low] = boot_id().map_err(unreadable)?;
    Ok((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClockError {
    ClockError::new("boot-time", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000;

    #[test]
    fn time_goes_on_within_a_boot_whatever_the_wall_clock_says() {
        let one = Time::new(Source::Boot);
        let seen = one.go_on(None).unwrap().unwrap();
        let two = Time::new(Source::Boot);
        let stepped = Seen {
            wall: seen.wall + HOUR,
            ..seen
        };
        assert_eq!(two.go_on(Some(stepped)).unwrap(), None);
        let (before, now) = (one.now().unwrap(), two.now().unwrap());
        assert!(before <= now && now < before + HOUR);
    }

    #[test]
    fn after_a_restart_time_goes_on_by_the_wall_clock_and_never_back() {
        let first = Time::new(Source::Boot).go_on(None).unwrap().unwrap();
        let other_boot = |wall: u64| Seen {
            boot: [7; 16],
            shift: 12,
            wall,
            bucket: first.bucket,
        };
        let later = Time::new(Source::Boot);
        let seen = later.go_on(Some(other_boot(first.wall - HOUR))).unwrap();
        assert!(seen.unwrap().bucket >= first.bucket + HOUR);
        assert!(later.now().unwrap() >= first.bucket + HOUR);
        // The wall clock was set back: no time has passed.
        let set_back = Time::new(Source::Boot);
        let seen = set_back.go_on(Some(other_boot(first.wall + HOUR))).unwrap();
        assert_eq!(seen.unwrap().bucket, first.bucket);
        assert!(set_back.now().unwrap() < first.bucket + HOUR);
    }
}
