//! The time of a segment: a system clock that all processes share, from an epoch on.

use crate::ring::Clock;
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};
use std::thread;
use std::time::Duration;

const MICROS: i64 = 1_000_000;

/// Which system clock a segment counts by. The numbers are part of the format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum ClockKind {
    /// Time since boot, suspend included.
    Boottime = 1,
    /// Time since boot, where the system has no clock that runs through a suspend.
    Monotonic = 2,
    /// The processor's counter, held to [`DEFAULT`](Self::DEFAULT).
    Counter = 3,
}

impl ClockKind {
    /// The best clock of this system.
    pub const DEFAULT: Self = if cfg!(any(target_os = "linux", target_os = "android")) {
        Self::Boottime
    } else {
        Self::Monotonic
    };

    /// The clock of that number.
    pub fn from_number(number: u64) -> Option<Self> {
        [Self::Boottime, Self::Monotonic, Self::Counter]
            .into_iter()
            .find(|&kind| kind as u64 == number)
    }

    /// The kernel's clock that it is, or is held to.
    pub const fn id(self) -> ClockId {
        match self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Boottime | Self::Counter => ClockId::CLOCK_BOOTTIME,
            _ => ClockId::CLOCK_MONOTONIC,
        }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boottime => "boot-time",
            Self::Monotonic => "monotonic",
            Self::Counter => "processor",
        }
    }

    /// Microseconds on this clock, rounded down; of a counter, on what it is held to.
    pub fn micros(self) -> Result<i64, Errno> {
        micros(self.id())
    }
}

/// Microseconds of wall-clock time since 1970.
pub fn wall_micros() -> u64 {
    micros(ClockId::CLOCK_REALTIME)
        .ok()
        .and_then(|now| now.try_into().ok())
        .unwrap_or(0)
}

/// Microseconds on a system clock, rounded down.
#[inline]
pub fn micros(id: ClockId) -> Result<i64, Errno> {
    let time = clock_gettime(id)?;
    // Unsigned is quicker to divide; a system's nanoseconds are never negative.
    Ok(time.tv_sec() * MICROS + (time.tv_nsec() as u64 / 1000) as i64)
}

/// Nanoseconds on a system clock.
pub fn nanos(id: ClockId) -> Result<i64, Errno> {
    let time = clock_gettime(id)?;
    Ok(time
        .tv_sec()
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec()))
}

/// A system clock from a segment's epoch on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SystemClock {
    kind: ClockKind,
    id: ClockId,
    /// Microseconds of the clock at tick 0.
    epoch: i64,
}

impl SystemClock {
    /// The clock of `kind`, with tick 0 at `epoch` microseconds.
    pub const fn new(kind: ClockKind, epoch: i64) -> Self {
        Self {
            kind,
            id: kind.id(),
            epoch,
        }
    }

    /// The clock of `kind`, with tick 0 now.
    pub fn from_now(kind: ClockKind) -> Result<Self, Errno> {
        Ok(Self::new(kind, kind.micros()?))
    }

    /// Which clock it is.
    pub fn kind(&self) -> ClockKind {
        self.kind
    }

    /// Microseconds of the clock at tick 0.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Sleeps until `tick`, and never less, in one absolute sleep: what interrupts it
    /// does not lengthen it. Where the system refuses such sleeps (a sandbox may), it
    /// looks at the clock from time to time.
    pub fn sleep_until(&self, tick: u64) {
        const STEP: Duration = Duration::from_millis(1);
        let at = self.epoch.saturating_add_unsigned(tick);
        let at = TimeSpec::new(at.div_euclid(MICROS), at.rem_euclid(MICROS) * 1000);
        let flags = ClockNanosleepFlags::TIMER_ABSTIME;
        while self.now() < tick {
            match clock_nanosleep(self.id, flags, &at) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => thread::sleep(STEP),
            }
        }
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> u64 {
        // A system clock that has answered before cannot fail. Were it to, the end of
        // time is the answer that the ring turns into an error, and not into permits.
        match micros(self.id) {
            Ok(now) if now >= self.epoch => now.abs_diff(self.epoch),
            Ok(_) => 0,
            Err(_) => u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::word::TICK_END;

    #[test]
    fn a_sleep_ends_at_its_tick_or_later_and_time_never_runs_back() {
        let clock = SystemClock::from_now(ClockKind::DEFAULT).unwrap();
        let until = clock.now() + 2_000;
        clock.sleep_until(until);
        let woke = clock.now();
        assert!(woke >= until);
        clock.sleep_until(until);
        assert!(clock.now() >= woke);
    }

    #[test]
    fn a_clock_before_its_epoch_stands_at_zero() {
        let kind = ClockKind::DEFAULT;
        let ahead = kind.micros().unwrap() + 1_000_000_000;
        assert_eq!(SystemClock::new(kind, ahead).now(), 0);
        assert!(SystemClock::new(kind, i64::MIN).now() >= TICK_END);
    }
}
