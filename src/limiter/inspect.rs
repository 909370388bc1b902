//! Seeing what is in a segment.

use crate::error::BucketError;
use crate::error::OpenError;
use crate::limiter::Limiter;
use crate::rate::Rate;
use crate::ring::{Clock, Refusal};
use crate::segment::place::Place;
use crate::segment::report::SegmentSnapshot;
use crate::segment::{Segment, remove_segment};
use crate::timestamp::Timestamp;
use crate::zone::bucket::ZoneBucket;
use crate::zone::{KeysSnapshot, Zone};
use std::io;
use std::path::Path;
use std::time::Duration;

/// A limiter at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The time on the limiter's clock.
    pub now: Timestamp,
    /// The rates in force.
    pub rates: Vec<Rate>,
    /// Permits that count for each of the rates, in their order.
    pub counts: Vec<u64>,
    /// How many permits may be waited for at once.
    pub queue: u64,
    /// How many permits the bucket remembers.
    pub capacity: u64,
    /// Permits that count in the widest window, those that are waited for among them.
    pub count: u64,
    /// Permits that are waited for.
    pub queued: u64,
    /// Permits that were ever reserved.
    pub reserved: u64,
    /// For how long everything is still paused; zero if it is not. Pauses of single keys
    /// are seen in [`waiting`](Self::waiting).
    pub paused: Duration,
    /// How long a request of weight 1 would have to wait; with keys, for the key that
    /// has it worst.
    pub waiting: Duration,
    /// The keys, where each has a bucket of its own. All counts above are of all keys
    /// together then.
    pub keys: Option<KeysSnapshot>,
    /// The segment, for a limiter that has one.
    pub segment: Option<SegmentSnapshot>,
}

/// Sums over all buckets.
struct Total {
    counts: Vec<u64>,
    queued: u64,
    reserved: u64,
    waiting: u64,
}

impl Total {
    fn of(zone: &Zone) -> Self {
        Self {
            counts: vec![0; zone.rates().len()],
            queued: 0,
            reserved: 0,
            waiting: 0,
        }
    }
}

impl Limiter {
    /// What is in the limiter now. With keys, it looks at each of them: about a second for
    /// a million, in which others go on.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn inspect(&self) -> Result<Snapshot, BucketError> {
        let attached = self.attached("what is in it")?;
        attached.consult(|zone| Ok(Snapshot::of(zone)?))
    }
}

impl Snapshot {
    pub(super) fn of(zone: &Zone) -> Result<Self, Refusal> {
        zone.check()?;
        let mut total = Total::of(zone);
        let question = |bucket: ZoneBucket<'_>| {
            let turn = bucket.waiting(1)?;
            let ((_, tallies), queued) = (bucket.tallies()?, bucket.queued()?);
            Ok((turn, tallies, queued, bucket.reserved()))
        };
        zone.ask_all(question, |(turn, tallies, queued, reserved)| {
            total.waiting = total.waiting.max(turn.ready.saturating_sub(turn.now));
            total.queued += queued;
            total.reserved += reserved;
            for (sum, tally) in total.counts.iter_mut().zip(tallies) {
                *sum += tally.count;
            }
        })?;
        let now = Timestamp::from_micros(zone.clock().now());
        let paused_until = Timestamp::from_micros(zone.gate().paused_until());
        let paused = paused_until.duration_since(now);
        Ok(Snapshot {
            now,
            paused,
            rates: zone.rates().to_vec(),
            queue: zone.plan().queue,
            capacity: zone.design().capacity,
            count: total.counts.last().copied().unwrap_or(0),
            counts: total.counts,
            queued: total.queued,
            reserved: total.reserved,
            // A key that has no bucket yet has to wait for the end of a pause, too.
            waiting: Duration::from_micros(total.waiting).max(paused),
            keys: zone.keys(),
            segment: zone.segment().map(Segment::snapshot),
        })
    }
}

/// Removes the segment of that name, and whether there was one. Those who are attached
/// notice on their next call, and open it anew, unless they may only attach.
///
/// # Errors
///
/// See [`OpenError`].
pub fn remove(name: &str) -> Result<bool, OpenError> {
    remove_segment(&Place::named(name)?, None)
}

/// Removes the segment in that file, and whether there was one.
///
/// # Errors
///
/// See [`OpenError`].
pub fn remove_at(path: impl AsRef<Path>) -> Result<bool, OpenError> {
    remove_segment(&Place::at(path.as_ref())?, None)
}

/// Removes the segment of that name in the system's shared memory, and whether there
/// was one.
///
/// # Errors
///
/// See [`OpenError`].
#[cfg(feature = "portable")]
pub fn remove_portable(name: &str) -> Result<bool, OpenError> {
    Place::named(name)?;
    crate::segment::portable::remove_portable(name)
}

/// The names of all segments of this host, sorted, other users' among them.
///
/// # Errors
///
/// If their folder cannot be read.
pub fn list() -> io::Result<Vec<String>> {
    Place::all_named()
}
