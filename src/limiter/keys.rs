//! Limiters of many keys: a handle for one of them, a look at all, and letting go of one.

use crate::error::{AcquireError, BucketError};
use crate::limiter::Limiter;
use crate::ring::{KeyHash, Refusal, Unsettled};
use crate::sync::{AtomicU64, Ordering};
use crate::timestamp::Timestamp;
use crate::turn::permit::Permit;
use crate::turn::reservation::Reservation;
use crate::zone::Zone;
use crate::zone::bucket::Spot;
use std::time::Duration;

/// One key of a limiter. It remembers where the key's bucket is, and so spares each call
/// the hashing and the look-up; where the bucket has been taken from the key
/// meanwhile, it finds the next one.
///
/// ```
/// use tidegate::{Limiter, Rate};
///
/// let limiter = Limiter::in_memory().rate(Rate::per_second(5)).keys(100).open()?;
/// let host = limiter.bucket("example.com");
/// host.try_acquire()?;
/// assert_eq!(host.count()?, 1);
/// assert_eq!(limiter.bucket("example.org").count()?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BucketHandle {
    limiter: Limiter,
    name: Box<[u8]>,
    /// The hash in the zone that the limiter opened first; none if that has no keys, or
    /// the key is too long.
    key: Option<KeyHash>,
    /// Where the bucket was last: a hint, which the bucket itself confirms.
    place: AtomicU64,
}

impl Clone for BucketHandle {
    fn clone(&self) -> Self {
        self.limiter.bucket(&self.name)
    }
}

impl BucketHandle {
    pub(crate) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// The key.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// As [`Limiter::try_acquire`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.try_acquire_n(1)
    }

    /// As [`Limiter::try_acquire_n`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    #[inline]
    pub fn try_acquire_n(&self, weight: u64) -> Result<Permit<'_>, AcquireError> {
        let (Some(zone), Some(_)) = (self.limiter.first_zone(), self.key) else {
            return self.limiter.try_acquire_n(&self.name, weight);
        };
        // Relaxed: a hint.
        let spot = Spot::unpack(self.place.load(Ordering::Relaxed), self.key);
        let bucket = zone.bucket(spot);
        match bucket.reserve_at_a_glance(weight, 0) {
            Ok(run) => self.limiter.grant(Permit::new(zone, spot.place.index, run)),
            Err(Unsettled::Refused(refusal @ Refusal::Limited { .. }))
                if !self.limiter.is_dry() =>
            {
                self.limiter
                    .refuse_there(zone, bucket.terms(), spot, weight, refusal)
            }
            Err(_) => self.try_longer(weight),
        }
    }

    /// The same where a glance does not settle it. The limiter looks the key up, and so
    /// does the handle, in case the bucket is another.
    fn try_longer(&self, weight: u64) -> Result<Permit<'_>, AcquireError> {
        let answer = self.limiter.try_acquire_n(&self.name, weight);
        let zone = self.limiter.first_zone();
        let spot = zone.zip(self.key).and_then(|(zone, key)| zone.spot_of(key));
        if let Some(spot) = spot {
            // Relaxed: a hint.
            self.place.store(spot.pack(), Ordering::Relaxed);
        }
        answer
    }

    /// As [`Limiter::acquire`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.limiter.acquire(&self.name)
    }

    /// As [`Limiter::acquire_n`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn acquire_n(&self, weight: u64) -> Result<Permit<'_>, AcquireError> {
        self.limiter.acquire_n(&self.name, weight)
    }

    /// As [`Limiter::acquire_timeout`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn acquire_timeout(
        &self,
        weight: u64,
        timeout: Duration,
    ) -> Result<Permit<'_>, AcquireError> {
        self.limiter.acquire_timeout(&self.name, weight, timeout)
    }

    /// As [`Limiter::reserve`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn reserve(
        &self,
        weight: u64,
        max_wait: Duration,
    ) -> Result<Reservation<'_>, AcquireError> {
        self.limiter.reserve(&self.name, weight, max_wait)
    }

    /// As [`Limiter::waiting`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn waiting(&self, weight: u64) -> Result<Duration, AcquireError> {
        self.limiter.waiting(&self.name, weight)
    }

    /// As [`Limiter::peek`].
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn peek(&self, nth: u64) -> Result<Option<Timestamp>, AcquireError> {
        self.limiter.peek(&self.name, nth)
    }

    /// How many permits of this key count in the widest window now, those that are
    /// waited for among them.
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn count(&self) -> Result<u64, AcquireError> {
        match self.limiter.ground().attached() {
            Some(rings) => {
                let count = rings.ask_if_there(&self.name, 0, |bucket| bucket.count())?;
                Ok(count.unwrap_or(0))
            }
            None => {
                let usage = self.limiter.usage(&self.name)?;
                Ok(usage.last().map_or(0, |widest| widest.used))
            }
        }
    }

    /// Forgets all permits of this key. Those who wait already keep their times.
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub fn flush(&self) -> Result<(), AcquireError> {
        let Some(rings) = self.limiter.ground().attached() else {
            let is_forgotten = self.limiter.dispose(&self.name)? || self.count()? == 0;
            let what = "forgetting the permits of one name";
            return match is_forgotten {
                true => Ok(()),
                false => Err(BucketError::Unsupported { what }.into()),
            };
        };
        rings.ask_if_there(&self.name, 0, |bucket| bucket.flush())?;
        Ok(())
    }
}

/// A key's bucket at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BucketSnapshot {
    /// The key's first 71 bytes; nothing where one bucket takes all names.
    pub label: Vec<u8>,
    /// Whether that is all of the key.
    pub is_whole: bool,
    /// Permits that count in the widest window, those that are waited for among them.
    pub count: u64,
    /// Permits that are waited for.
    pub queued: u64,
    /// How long a request of weight 1 would have to wait.
    pub waiting: Duration,
    /// When the newest permit was granted, or will be; none if no permit counts.
    pub last_use: Option<Timestamp>,
}

/// The buckets of a limiter, one after the other.
#[derive(Debug)]
pub struct Buckets<'l> {
    zone: &'l Zone,
    index: u64,
}

impl<'l> Buckets<'l> {
    pub(super) fn of(zone: &'l Zone) -> Self {
        Self { zone, index: 0 }
    }
}

impl Iterator for Buckets<'_> {
    type Item = BucketSnapshot;

    fn next(&mut self) -> Option<BucketSnapshot> {
        while self.index < self.zone.used() {
            let index = self.index;
            self.index += 1;
            let answer = self.zone.ask_nth(index, |bucket| {
                let turn = bucket.waiting(1)?;
                let (label, is_whole) = bucket.label()?;
                Ok(BucketSnapshot {
                    label,
                    is_whole,
                    count: bucket.count()?,
                    queued: bucket.queued()?,
                    waiting: Duration::from_micros(turn.ready.saturating_sub(turn.now)),
                    last_use: bucket.peek(0)?.map(Timestamp::from_micros),
                })
            });
            if let Ok(Some(snapshot)) = answer {
                return Some(snapshot);
            }
        }
        None
    }
}

/// The keys of a limiter.
impl Limiter {
    /// For how many keys there are buckets; `None` where one bucket takes all names, and where
    /// it is not known.
    pub fn keys(&self) -> Option<u64> {
        self.ground().attached()?.newest().design().keys
    }

    /// A handle for one key. It makes nothing yet: the bucket is made when it is first
    /// asked for permits.
    pub fn bucket(&self, name: impl AsRef<[u8]>) -> BucketHandle {
        let name = name.as_ref();
        let zone = self.first_zone().filter(|zone| zone.has_keys());
        let key = zone
            .and_then(|zone| zone.key(name).ok())
            .map(|key| key.hash);
        let spot = match zone.zip(key) {
            Some((zone, key)) => zone.spot_of(key).unwrap_or(Spot::nowhere(key)),
            None => Spot::ONLY,
        };
        BucketHandle {
            limiter: self.clone(),
            name: name.into(),
            key,
            place: AtomicU64::new(spot.pack()),
        }
    }

    /// All keys that have a bucket, in no order. What changes meanwhile is shown as it
    /// was at some moment, or missed.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn buckets(&self) -> Result<Buckets<'_>, BucketError> {
        let zone = self.attached("a list of its keys")?.up_to_date()?;
        Ok(Buckets::of(zone))
    }

    /// Takes the key's bucket from it, at once and for everybody: the next request
    /// finds an empty one. Whether it had one. Those who wait already keep their times.
    ///
    /// Where one bucket takes all names, no key has one: see [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// [`AcquireError::KeyTooLong`], [`AcquireError::Bucket`].
    pub fn dispose(&self, name: impl AsRef<[u8]>) -> Result<bool, AcquireError> {
        self.as_bucket().dispose(name.as_ref())
    }
}
