//! The two clocks: the limiters' own, and a cheap counter for single calls.

#![allow(unsafe_code)] // reads the processor's counter

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of the clock that tidegate reads, by the same call.
#[inline]
pub fn boottime() -> u64 {
    // The call fails only where the clock does not exist; then nothing here runs.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |now| {
        now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
    })
}

/// The time-stamp counter, read when all earlier instructions are done.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn ticks() -> u64 {
    use std::arch::x86_64::{_mm_lfence, _rdtsc};
    // SAFETY: every x86-64 has both instructions.
    unsafe {
        _mm_lfence();
        _rdtsc()
    }
}

/// Nanoseconds, where no counter is known to be cheaper than the clock.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn ticks() -> u64 {
    boottime()
}

/// How many nanoseconds one of [`ticks`] takes; measured once, for 20 ms.
pub fn nanos_per_tick() -> f64 {
    static SCALE: OnceLock<f64> = OnceLock::new();
    *SCALE.get_or_init(|| {
        let (start, first) = (Instant::now(), ticks());
        std::thread::sleep(Duration::from_millis(20));
        let (elapsed, last) = (start.elapsed(), ticks());
        elapsed.as_nanos() as f64 / (last - first) as f64
    })
}
