//! The bytes of a segment.
//!
//! ```text
//! byte
//!    0 ┌───────────────────────────────────────────────────────────────┐
//!      │ identity   magic, layout version, byte order, fingerprint,    │ written before the
//!      │            size, shape, clock, boot, time namespace           │ segment has a name
//!  128 ├───────────────────────────────────────────────────────────────┤
//!      │ time       epoch, a pair of (wall clock, tick), scale and     │ leak process;
//!      │            correction of a processor's counter                │ who finds it behind
//!  256 ├───────────────────────────────────────────────────────────────┤
//!      │ gate       version, pause of all buckets                      │ read by every call
//!  384 ├───────────────────────────────────────────────────────────────┤
//!      │ plan 0     number of rates, horizon, up to 8 (limit, interval)│ version's parity
//!  640 ├───────────────────────────────────────────────────────────────┤ says which of
//!      │ plan 1                                                        │ them is in force
//!  896 ├───────────────────────────────────────────────────────────────┤
//!      │ janitor    heartbeat, passes, leaked, repairs, reclaimed      │ leak process
//! 1024 ├───────────────────────────────────────────────────────────────┤
//!      │ stock      length of the table, buckets used, free list, …    │ who makes a bucket
//! 1152 ├───────────────────────────────────────────────────────────────┤
//!      │ (zero)                                                        │
//! 4096 ╞═══════════════════════════════════════════════════════════════╡
//!      │ table      where there are keys: a link for each chain of     │ who makes a bucket
//!      │            buckets, T x 8 bytes, rounded up to a line         │
//!      ├───────────────────────────────────────────────────────────────┤
//!      │ bucket 0   head                                 128 bytes     │ who reserves
//!      │            tail, newest_void, paused_until, latest end,       │ read by every call
//!      │            key hash, link, label                128 bytes     │
//!      │            slots                              8 x C bytes     │ who reserves
//!      ├───────────────────────────────────────────────────────────────┤
//!      │ bucket 1 …                                                    │
//!      ╞═══════════════════════════════════════════════════════════════╡
//!      │ line 0     counts, who waits, last use          128 bytes     │ all who have no
//!      │            (unused)                             128 bytes     │ line of their own
//!      │            where there are keys: a sketch       512 bytes     │
//!      ├───────────────────────────────────────────────────────────────┤
//!      │ line 1     counts, who waits, last use          128 bytes     │ one thread of
//!      │            pid, its start, counts before it     128 bytes     │ one process, by
//!      │            where there are keys: a sketch       512 bytes     │ a lock
//!      ├───────────────────────────────────────────────────────────────┤
//!      │ line 2 … 2P                                                   │
//!      └───────────────────────────────────────────────────────────────┘
//! ```
//!
//! Every word is an atomic u64 in the byte order of the machine that made it. Lines
//! are 128 bytes, so that the adjacent-line prefetcher of common processors does not
//! couple two of them. Both the fields' sizes and their places are part of the
//! format: changing any of them means a new [`LAYOUT`].

use super::counts::{Line, MOST_LINES, Sketch};
use crate::directory::Stock;
use crate::ring::word::MAX_BUCKETS;
use crate::ring::{Gate, MAX_CAPACITY, MAX_RATES, MIN_CAPACITY, PlanArea, ReadLine};
use crate::sync::AtomicU64;
use std::mem::{align_of, offset_of, size_of};

/// The first word of every segment.
pub const MAGIC: u64 = u64::from_be_bytes(*b"TideGate");
/// The version of this layout.
pub const LAYOUT: u64 = 4;
/// Reads differently on a machine of the other byte order.
pub const BYTE_ORDER: u64 = 0x0102_0304_0506_0708;
/// What every group of words that has a writer of its own is aligned to, in bytes.
pub const LINE: usize = 128;
/// Bytes before the table, or the first bucket.
pub const HEADER: usize = 4096;
/// The largest segment, in bytes.
pub const MAX_SIZE: u64 = 1 << 40;
/// For how many processes there can be lines.
pub const MAX_PROCESSES: u64 = 4096;

/// What the segment is. Never changes while it has a name.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Identity {
    pub magic: AtomicU64,
    pub layout: AtomicU64,
    pub byte_order: AtomicU64,
    pub fingerprint: AtomicU64,
    /// Bytes of the whole file.
    pub size: AtomicU64,
    /// Slots of each bucket.
    pub capacity: AtomicU64,
    pub buckets: AtomicU64,
    /// Permits that may be reserved ahead in each bucket.
    pub queue: AtomicU64,
    /// A [`ClockKind`](crate::clock::ClockKind).
    pub clock: AtomicU64,
    /// The boot during which the epoch holds.
    pub boot: [AtomicU64; 2],
    /// Offset of the clock in the maker's time namespace: seconds, nanoseconds.
    pub time_namespace: [AtomicU64; 2],
    /// Seed of the key hash.
    pub seed: [AtomicU64; 2],
    /// For how many processes there are lines.
    pub processes: AtomicU64,
}

/// What ticks mean.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Time {
    /// Microseconds of the clock at tick 0, a signed number: after a reboot it can
    /// lie before the clock's own zero.
    pub epoch: AtomicU64,
    /// Microseconds of wall-clock time since 1970, and the tick at that moment.
    pub wall: AtomicU64,
    pub tick: AtomicU64,
    /// Wall-clock microseconds at which the segment was made.
    pub made: AtomicU64,
    /// Where ticks are told by the processor's counter: its [`Scale`](crate::clock::counter::Scale),
    /// that is a count, the tick at that moment, and ticks of 2^64 counts.
    pub scale: [AtomicU64; 3],
    /// By how many ticks the counter was brought forward since.
    pub forward: AtomicU64,
}

/// What the leak process tells.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Janitor {
    /// Tick of the last pass; 0: none yet.
    pub heartbeat: AtomicU64,
    /// Ticks between passes.
    pub interval: AtomicU64,
    pub pid: AtomicU64,
    pub passes: AtomicU64,
    pub leaked: AtomicU64,
    pub repairs: AtomicU64,
    pub reclaimed: AtomicU64,
    /// Live permits, and keys in use, at the last pass.
    pub live: AtomicU64,
    pub keys: AtomicU64,
}

/// The first [`HEADER`] bytes.
#[repr(C)]
#[derive(Debug)]
pub struct Header {
    pub identity: Identity,
    pub time: Time,
    pub gate: Gate,
    pub plans: [PlanArea; 2],
    pub janitor: Janitor,
    pub stock: Stock,
}

/// The line that reservations contend for.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct HeadLine {
    /// [`Head`](crate::ring::word::Head).
    pub head: AtomicU64,
}

/// What precedes a bucket's slots.
#[repr(C)]
#[derive(Debug)]
pub struct BucketWords {
    pub head: HeadLine,
    pub read: ReadLine,
}

// Each place follows from the field before it, as in the picture.
const TIME: usize = size_of::<Identity>();
const GATE: usize = TIME + size_of::<Time>();
const PLANS: usize = GATE + size_of::<Gate>();
const JANITOR: usize = PLANS + 2 * size_of::<PlanArea>();
const STOCK: usize = JANITOR + size_of::<Janitor>();
const END: usize = STOCK + size_of::<Stock>();

const _: () = {
    assert!(
        TIME == 128
            && GATE == 256
            && PLANS == 384
            && JANITOR == 896
            && STOCK == 1024
            && END == 1152
    );
    assert!(offset_of!(Header, time) == TIME);
    assert!(offset_of!(Header, gate) == GATE);
    assert!(offset_of!(Header, plans) == PLANS);
    assert!(offset_of!(Header, janitor) == JANITOR);
    assert!(offset_of!(Header, stock) == STOCK);
    assert!(size_of::<Header>() == END && END <= HEADER);
    assert!(offset_of!(Identity, boot) == 72 && offset_of!(Identity, seed) == 104);
    assert!(offset_of!(Identity, processes) == 120);
    assert!(offset_of!(Line, last_use) == 64 && offset_of!(Line, owner) == LINE);
    assert!(size_of::<Line>() == 2 * LINE && align_of::<Line>() == LINE);
    assert!(size_of::<Sketch>() == 4 * LINE && align_of::<Sketch>() == LINE);
    assert!(2 * MAX_PROCESSES < MOST_LINES as u64);
    assert!(offset_of!(BucketWords, read) == LINE && size_of::<BucketWords>() == 2 * LINE);
    assert!(offset_of!(ReadLine, label) == 56);
    // So strides are whole lines.
    assert!(MIN_CAPACITY as usize * size_of::<AtomicU64>() == LINE);
    assert!(align_of::<Header>() == LINE && align_of::<BucketWords>() == LINE);
};

/// Sizes and places in one number: a build that lays the bytes out otherwise refuses
/// the segment instead of misreading it.
pub const FINGERPRINT: u64 = {
    let parts = [
        size_of::<Header>(),
        align_of::<Header>(),
        offset_of!(Header, gate),
        offset_of!(Header, plans),
        offset_of!(Header, janitor),
        offset_of!(Header, stock),
        size_of::<BucketWords>(),
        offset_of!(BucketWords, read),
        offset_of!(ReadLine, label),
        size_of::<Line>(),
        offset_of!(Line, owner),
        size_of::<Sketch>(),
        MAX_RATES,
        HEADER,
    ];
    // FNV-1a over whole words.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut i = 0;
    while i < parts.len() {
        hash = (hash ^ parts[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
};

/// How many buckets of how many slots: all that the places of bytes depend on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Slots of each bucket, a power of two.
    pub capacity: u64,
    pub buckets: u64,
    /// Words of the table: a power of two, or 0 where one bucket has no key.
    pub table: u64,
    /// For how many processes there are lines.
    pub processes: u64,
}

impl Shape {
    /// A shape within the format's bounds, or `None`: a bucket for each of so many keys,
    /// or one for all names; and lines for so many processes.
    pub fn new(capacity: u64, keys: Option<u64>, processes: u64) -> Option<Self> {
        let buckets = keys.unwrap_or(1);
        if !(1..=MAX_BUCKETS).contains(&buckets) || processes > MAX_PROCESSES {
            return None;
        }
        let is_sane =
            capacity.is_power_of_two() && (MIN_CAPACITY..=MAX_CAPACITY).contains(&capacity);
        let shape = Self {
            capacity,
            buckets,
            table: keys.map_or(0, u64::next_power_of_two),
            processes,
        };
        (is_sane && shape.checked_size()? <= MAX_SIZE).then_some(shape)
    }

    /// For how many keys it is, if it has a table.
    pub fn keys(self) -> Option<u64> {
        (self.table > 0).then_some(self.buckets)
    }

    /// Byte of the first bucket.
    pub fn first_bucket(self) -> u64 {
        HEADER as u64 + (self.table * size_of::<AtomicU64>() as u64).next_multiple_of(LINE as u64)
    }

    /// Bytes from one bucket to the next.
    pub fn stride(self) -> u64 {
        size_of::<BucketWords>() as u64 + self.capacity * size_of::<AtomicU64>() as u64
    }

    /// How many lines there are: the first, and two for each process.
    pub fn lines(self) -> u64 {
        1 + 2 * self.processes
    }

    /// Byte of the first line.
    pub fn first_line(self) -> u64 {
        self.first_bucket() + self.buckets * self.stride()
    }

    /// Bytes from one line to the next.
    pub fn line_stride(self) -> u64 {
        let sketch = if self.table > 0 {
            size_of::<Sketch>()
        } else {
            0
        };
        (size_of::<Line>() + sketch) as u64
    }

    /// Bytes of the whole segment.
    pub fn size(self) -> u64 {
        self.first_line() + self.lines() * self.line_stride()
    }

    fn checked_size(self) -> Option<u64> {
        self.stride()
            .checked_mul(self.buckets)?
            .checked_add(self.first_bucket())?
            .checked_add(self.lines() * self.line_stride())
    }
}
