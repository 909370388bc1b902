//! A segment's words, seen from outside: what a fault leaves behind is written here.
//!
//! The places are those of the format. They are written down a second time on purpose: a
//! program that reads the words elsewhere must have another layout version.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// Places of words, in bytes.
pub mod place {
    pub const MAGIC: u64 = 0;
    pub const LAYOUT: u64 = 8;
    pub const BYTE_ORDER: u64 = 16;
    pub const FINGERPRINT: u64 = 24;
    pub const SIZE: u64 = 32;
    pub const CAPACITY: u64 = 40;
    pub const BUCKETS: u64 = 48;
    pub const QUEUE: u64 = 56;
    pub const CLOCK: u64 = 64;
    pub const BOOT: u64 = 72;
    pub const TIME_NAMESPACE: u64 = 88;
    pub const EPOCH: u64 = 128;
    pub const WALL: u64 = 136;
    pub const TICK: u64 = 144;
    /// A processor's counter at one moment.
    pub const COUNT: u64 = 160;
    pub const VERSION: u64 = 256;
    pub const ALL_PAUSED_UNTIL: u64 = 264;
    pub const RATES_LENGTH: u64 = 384;
    pub const HORIZON: u64 = 392;
    pub const RATES: u64 = 400;
    pub const TABLE_LENGTH: u64 = 1024;
    pub const USED: u64 = 1032;
    pub const FREE: u64 = 1040;
    pub const HAND: u64 = 1048;
    pub const HEADER_END: u64 = 1152;
    pub const TABLE: u64 = 4096;
    pub const HEAD: u64 = 4096;
    pub const TAIL: u64 = 4224;
    pub const NEWEST_VOID: u64 = 4232;
    pub const PAUSED_UNTIL: u64 = 4240;
    pub const SLOTS: u64 = 4352;
}

/// The flag of the version word that a remover sets.
pub const REMOVED: u64 = 1 << 63;

/// An open segment file.
pub struct Words(File);

impl Words {
    pub fn of(path: &Path) -> Self {
        Self(
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .unwrap(),
        )
    }

    pub fn get(&self, place: u64) -> u64 {
        let mut word = [0; 8];
        self.0.read_exact_at(&mut word, place).unwrap();
        u64::from_ne_bytes(word)
    }

    pub fn set(&self, place: u64, word: u64) {
        self.0.write_all_at(&word.to_ne_bytes(), place).unwrap();
    }

    pub fn change(&self, place: u64, change: impl FnOnce(u64) -> u64) {
        self.set(place, change(self.get(place)));
    }

    /// Makes the file one of a boot that ended `off` ago.
    pub fn reboot(&self, off: Duration) {
        self.change(place::BOOT, |id| !id);
        // The clock that began anew has nothing to do with the old one.
        self.change(place::EPOCH, |epoch| epoch.wrapping_sub(1 << 40));
        self.change(place::COUNT, |count| count.wrapping_add(1 << 50));
        self.change(place::WALL, |wall| wall - off.as_micros() as u64);
    }

    /// Bytes of the file.
    pub fn len(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    /// Slots of the bucket.
    pub fn capacity(&self) -> u64 {
        self.get(place::CAPACITY)
    }

    /// The place of the slot of a sequence number.
    pub fn slot(&self, seq: u64) -> u64 {
        place::SLOTS + seq % self.capacity() * 8
    }

    /// The word that stamps a sequence number.
    pub fn stamp(&self, seq: u64, ticks: u64) -> u64 {
        (seq / self.capacity()) << 51 | ticks
    }
}
