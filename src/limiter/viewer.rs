//! A look at a segment that writes nothing.

use crate::error::{BucketError, OpenError};
use crate::limiter::inspect::Snapshot;
use crate::limiter::keys::Buckets;
use crate::limiter::stats::Stats;
use crate::rate::Rate;
use crate::ring::{Clock, Refusal};
use crate::segment::Segment;
use crate::timestamp::Timestamp;
use crate::zone::Zone;
use crate::zone::denied::unusable;

/// How often one look begins again because the rates keep changing.
const TRIES: u32 = 16;

/// A segment that is looked at, and never written: its pages are mapped to be read. So it may be
/// anybody's, and only readable, as one of mode 0440; and nobody who looks can do harm.
///
/// What a killed process left half done is not finished, as [`Limiter`](crate::Limiter)'s own
/// looks do: it counts as granted just now. Whoever may write the file may show nonsense, or
/// stop who looks, by truncating it (SIGBUS).
///
/// ```
/// use tidegate::{Limiter, Rate};
///
/// # let name = format!("doc-viewer-{}", std::process::id());
/// # let name = name.as_str();
/// let limiter = Limiter::shared(name).rate(Rate::per_minute(5)).open()?;
/// limiter.try_acquire_n("", 3)?;
/// let viewer = Limiter::shared(name).view()?;
/// assert_eq!(viewer.inspect()?.count, 3);
/// assert_eq!(viewer.stats()?.total.granted_permits, 3);
/// # tidegate::remove(name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Viewer {
    zone: Zone,
}

impl Viewer {
    pub(super) fn of(segment: Segment) -> Result<Self, OpenError> {
        Zone::of_segment(segment).map(|zone| Self { zone })
    }

    /// What is in the segment now: as [`Limiter::inspect`](crate::Limiter::inspect).
    ///
    /// # Errors
    ///
    /// [`BucketError::Removed`] from when it is removed: what took its place is to be
    /// [viewed](crate::Builder::view) anew.
    pub fn inspect(&self) -> Result<Snapshot, BucketError> {
        for _ in 0..TRIES {
            match Snapshot::of(self.up_to_date()?) {
                Err(Refusal::Stale) => {}
                Err(refusal) => return Err(unusable(refusal.into())),
                Ok(snapshot) => return Ok(snapshot),
            }
        }
        Err(BucketError::Rates)
    }

    /// What was asked of it: as [`Limiter::stats`](crate::Limiter::stats).
    ///
    /// # Errors
    ///
    /// As [`inspect`](Self::inspect).
    pub fn stats(&self) -> Result<Stats, BucketError> {
        Ok(Stats::of(self.up_to_date()?, self.now()))
    }

    /// All keys that have a bucket: as [`Limiter::buckets`](crate::Limiter::buckets).
    ///
    /// # Errors
    ///
    /// As [`inspect`](Self::inspect).
    pub fn buckets(&self) -> Result<Buckets<'_>, BucketError> {
        Ok(Buckets::of(self.up_to_date()?))
    }

    /// The time on the segment's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.zone.clock().now())
    }

    /// The rates in force when it was last looked at.
    pub fn rates(&self) -> &[Rate] {
        self.zone.rates()
    }

    /// For how many keys there are buckets; `None` where one bucket takes all names.
    pub fn keys(&self) -> Option<u64> {
        self.zone.design().keys
    }

    /// The segment with the rates in force.
    fn up_to_date(&self) -> Result<&Zone, BucketError> {
        match self.zone.check() {
            Ok(()) => {}
            Err(_) if self.zone.is_removed() => return Err(BucketError::Removed),
            Err(_) => self.zone.catch_up()?,
        }
        Ok(&self.zone)
    }
}
