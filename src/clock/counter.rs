//! The processor's own counter as a clock: read in less than half the time of the kernel's.
//!
//! Used where the kernel itself tells the time by it: then all processors count as one, at a
//! steady rate, whatever they do. How the kernel comes to trust it is in its
//! `arch/x86/kernel/tsc.c`; what the instruction promises, in Intel's Software Developer's Manual,
//! volume 3, "Time-Stamp Counter", and in AMD's Programmer's Manual, volume 2.

#![allow(unsafe_code)]

use super::system::{ClockKind, nanos};
use nix::errno::Errno;
use std::fs;
use std::thread;
use std::time::Duration;

/// Ticks of a second.
const MICROS: u64 = 1_000_000;
/// How long the counter is watched to learn its rate.
const WATCHED: Duration = Duration::from_millis(20);
/// How many looks at both clocks are taken to get a close one.
const LOOKS: usize = 8;
/// By how many millionths the counter is taken to be slower than measured. It then never runs
/// ahead of the kernel's clock, to which it is brought forward from time to time. The rate is
/// measured to within some two millionths, and the kernel's own rate moves by as much.
const SLOWER: u64 = 20;

/// The counter as it is at some moment near this line: the processor may read it before it is
/// done with what comes earlier in the program, or after it has begun with what comes later,
/// by as much as it looks ahead. It is never before what an ordered read before it saw.
#[inline(always)]
pub fn read() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads a counter, which every processor of this architecture has.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    0
}

/// The same after all that comes earlier, and before all that comes later.
#[inline]
pub fn read_in_order() -> u64 {
    fence();
    let count = read();
    fence();
    count
}

#[inline(always)]
fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: waits for the instructions before it; every processor of this architecture can.
    unsafe {
        std::arch::x86_64::_mm_lfence();
    };
}

/// Whether the kernel tells the time by the counter, and the processor says that it counts at
/// one rate, asleep or awake. Where the machine can be suspended, to memory or to disk, most
/// counters stand still then, or begin anew, which a caller would not notice at once: so they
/// are not trusted there.
pub fn is_trusted() -> bool {
    const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    const SUSPENDS: &str = "/sys/power/state";
    let reads = |path| fs::read_to_string(path).unwrap_or_default();
    let flags = reads("/proc/cpuinfo");
    let states = reads(SUSPENDS);
    let suspends = states
        .split_ascii_whitespace()
        .any(|state| state == "mem" || state == "disk");
    let has = |flag| flags.split_ascii_whitespace().any(|word| word == flag);
    cfg!(target_arch = "x86_64")
        && reads(SOURCE).trim() == "tsc"
        && has("constant_tsc")
        && has("nonstop_tsc")
        && (has("nonstop_tsc_s3") || !suspends)
}

/// From counts to ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// The count at one moment.
    pub count: u64,
    /// The tick at that moment.
    pub tick: u64,
    /// Ticks of 2^64 counts.
    pub ratio: u64,
}

impl Scale {
    /// Whether a counter runs at such a rate: 100 million to 100 thousand million a second.
    pub fn is_sane(self) -> bool {
        const fn ratio(counts: u64) -> u64 {
            (((MICROS as u128) << 64) / counts as u128) as u64
        }
        (ratio(100_000_000_000)..=ratio(100_000_000)).contains(&self.ratio)
    }

    /// How the counter runs now, with tick 0 at `epoch` microseconds of the clock `kind`. Takes
    /// a fiftieth of a second.
    pub fn measure(kind: ClockKind, epoch: i64) -> Result<Self, Errno> {
        let (first, began) = look(kind)?;
        thread::sleep(WATCHED);
        let (count, ended) = look(kind)?;
        let nanos = u128::from(ended.abs_diff(began));
        let counts = u128::from(count.wrapping_sub(first).max(1));
        // Nanoseconds are less than 2^63, and thousandths of a tick.
        let ratio = (nanos << 64) / 1000 / counts;
        let ratio = u64::try_from(ratio).unwrap_or(u64::MAX);
        let tick = (ended / 1000).saturating_sub(epoch).max(0);
        Ok(Self {
            count,
            tick: tick.unsigned_abs(),
            ratio: ratio - ratio / MICROS * SLOWER,
        })
    }

    /// The tick at that count, rounded down. Any number is a count, also one from before the
    /// scale was made, for a counter may begin anew.
    #[inline(always)]
    pub fn ticks(self, count: u64) -> u64 {
        let passed = count.wrapping_sub(self.count) as i64;
        let ticks = (i128::from(passed) * i128::from(self.ratio)) >> 64;
        self.tick.wrapping_add(ticks as u64)
    }
}

/// A count, and the nanoseconds of the clock at that moment.
fn look(kind: ClockKind) -> Result<(u64, i64), Errno> {
    let mut closest = (u64::MAX, (0, 0));
    for _ in 0..LOOKS {
        let before = read_in_order();
        let nanos = nanos(kind.id())?;
        let apart = read_in_order().wrapping_sub(before);
        if apart < closest.0 {
            closest = (apart, (before.wrapping_add(apart / 2), nanos));
        }
    }
    Ok(closest.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale {
        count: 5_000,
        tick: 70,
        // Two thousand counts a tick.
        ratio: (1 << 63) / 1000,
    };

    #[test]
    fn counts_become_ticks_rounded_down_also_those_from_before() {
        assert!(SCALE.is_sane());
        for (count, tick) in [
            (5_000, 70),
            (6_999, 70),
            (7_001, 71),
            (5_000 + 2_000_100, 1070),
            (4_999, 69),
        ] {
            assert_eq!(SCALE.ticks(count), tick, "{count}");
        }
        assert!(SCALE.ticks(0) < 70);
    }

    #[test]
    fn no_count_and_no_scale_overflows() {
        let numbers = [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX];
        for (count, tick) in numbers.into_iter().zip(numbers) {
            for ratio in numbers {
                let scale = Scale { count, tick, ratio };
                _ = numbers.map(|count| scale.ticks(count));
                assert!(!scale.is_sane());
            }
        }
    }

    #[test]
    fn the_counter_s_rate_is_measured_as_a_little_slower_than_the_kernel_s_clock() {
        if !is_trusted() {
            return;
        }
        let kind = ClockKind::DEFAULT;
        let scale = Scale::measure(kind, 0).unwrap();
        assert!(scale.is_sane());
        thread::sleep(10 * WATCHED);
        let (count, nanos) = look(kind).unwrap();
        let behind = nanos / 1000 - scale.ticks(count) as i64;
        // 220 ms at 20 millionths are 4.4 ticks; a look that was interrupted is off by more.
        assert!((0..1000).contains(&behind), "{behind} ticks behind");
    }
}
