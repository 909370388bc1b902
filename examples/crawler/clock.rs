//! The clock that grants and arrivals are both read from.
//!
//! The server knows nothing of the limiter, yet its arrivals must be comparable
//! with the limiter's grants. Both therefore come from the same kernel clock, and
//! only the zero differs: a segment counts from its epoch, this module from the
//! clock's own start.

use nix::time::{ClockId, clock_gettime};

#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::CLOCK_BOOTTIME;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::CLOCK_MONOTONIC;

/// Microseconds since the clock's own start, rounded down.
pub fn micros() -> u64 {
    let now = clock_gettime(CLOCK).expect("every supported system has this clock");
    now.tv_sec() as u64 * 1_000_000 + now.tv_nsec() as u64 / 1_000
}
