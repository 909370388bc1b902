//! What the leak process tells, and what a segment shows of it.

use super::Segment;
use super::lock::Role;
use crate::ring::{Clock, Leaked};
use crate::sync::{AtomicU64, Ordering};
use crate::timestamp::Timestamp;
use std::path::PathBuf;
use std::process;
use std::time::{Duration, SystemTime};

/// A limiter's segment at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SegmentSnapshot {
    /// The file.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was made.
    pub made: SystemTime,
    /// What it counts by: the kernel's `boot-time` or `monotonic` clock, or the
    /// [`processor`](crate::Builder::processor_clock)'s counter.
    pub clock: &'static str,
    /// What the leak process last told; `None` if there was never one.
    pub leaker: Option<LeakerSnapshot>,
    /// Whether others stand by, to lead when it ends.
    pub has_standby: bool,
}

/// What the leak process last told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LeakerSnapshot {
    /// Whether it holds its lease now; for a segment that has no leases, whether its
    /// last pass is less than three intervals ago.
    pub is_alive: bool,
    /// Its process id, in its own pid namespace.
    pub pid: u64,
    /// The time of its last pass.
    pub last_pass: Timestamp,
    /// The time between its passes.
    pub interval: Duration,
    /// Passes that leak processes of this segment have made.
    pub passes: u64,
    /// Permits that they found to count no more.
    pub leaked: u64,
    /// Abandoned runs that they finished, and impossible stamps that they mended.
    pub repairs: u64,
    /// Buckets of keys that they took back from processes that had died.
    pub reclaimed: u64,
}

/// What one round of the leak process did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tidied {
    /// Permits that counted no more, and repairs.
    pub leaked: Leaked,
    /// Permits that count.
    pub live: u64,
    /// Keys that have a bucket.
    pub keys: u64,
    /// Keys that were idle, and have none any more.
    pub evicted: u64,
    /// Buckets that were lost, and are not now.
    pub reclaimed: u64,
}

impl Segment {
    /// Tells of a pass. The caller holds the lease: nobody else writes these words.
    pub fn note_pass(&self, interval: Duration, done: &Tidied) {
        // Relaxed, all: each word stands for itself, and is shown, not acted upon.
        let janitor = &self.header().janitor;
        let set = |word: &AtomicU64, value| word.store(value, Ordering::Relaxed);
        let add = |word: &AtomicU64, value| word.fetch_add(value, Ordering::Relaxed);
        set(
            &janitor.interval,
            u64::try_from(interval.as_micros()).unwrap_or(u64::MAX),
        );
        set(&janitor.pid, u64::from(process::id()));
        set(&janitor.live, done.live);
        set(&janitor.keys, done.keys);
        set(&janitor.heartbeat, self.clock().now().max(1));
        add(&janitor.passes, 1);
        add(&janitor.leaked, done.leaked.permits);
        add(&janitor.repairs, done.leaked.repairs);
        add(&janitor.reclaimed, done.reclaimed);
        self.note_time();
    }

    /// What the segment shows.
    pub fn snapshot(&self) -> SegmentSnapshot {
        let janitor = &self.header().janitor;
        let get = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let heartbeat = get(&janitor.heartbeat);
        let leaker = (heartbeat > 0).then(|| LeakerSnapshot {
            is_alive: match self.inode() {
                Some(_) => self.is_locked(Role::Lead).unwrap_or(false),
                None => self.clock().now().saturating_sub(heartbeat) / 3 <= get(&janitor.interval),
            },
            pid: get(&janitor.pid),
            last_pass: Timestamp::from_micros(heartbeat),
            interval: Duration::from_micros(get(&janitor.interval)),
            passes: get(&janitor.passes),
            leaked: get(&janitor.leaked),
            repairs: get(&janitor.repairs),
            reclaimed: get(&janitor.reclaimed),
        });
        let made = Duration::from_micros(get(&self.header().time.made));
        SegmentSnapshot {
            path: self.path().to_owned(),
            size: self.shape().size(),
            made: SystemTime::UNIX_EPOCH
                .checked_add(made)
                .unwrap_or(SystemTime::UNIX_EPOCH),
            clock: self.clock().kind().name(),
            leaker,
            has_standby: self.has_standby().unwrap_or(false),
        }
    }
}
