//! Random numbers: SplitMix64, from Steele, Lea and Flood, "Fast splittable
//! pseudorandom number generators" (OOPSLA 2014).

use std::thread;
use std::time::{Duration, SystemTime};

/// A source of random numbers.
pub struct Chance(u64);

impl Chance {
    /// Another sequence for every process and every call.
    pub fn new() -> Self {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        Self(now ^ u64::from(std::process::id()) << 40)
    }

    /// The same sequence each time.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// One of 0..`end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Sleeps for less than `micros`.
    pub fn pause(&mut self, micros: u64) {
        thread::sleep(Duration::from_micros(self.below(micros)));
    }
}
