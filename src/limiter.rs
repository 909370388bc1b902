//! The limiter: what a user holds.

use crate::attached::{Attached, Origin};
use crate::bucket::{Bucket, Spot};
use crate::denied::Denied;
use crate::error::{AcquireError, BucketError, OpenError};
use crate::permit::Permit;
use crate::rate::Rate;
use crate::ring::{Clock, Refusal, Rivalry, Unsettled};
use crate::spec::Spec;
use crate::timestamp::Timestamp;
use crate::wait::Patience;
use crate::zone::{Taken, Zone};
use std::sync::Arc;
use std::time::Duration;

/// An exact rate limiter, shared by whoever opens the same segment.
///
/// A clone is the same handle. After a fork, the child goes on using it; threads share
/// it. The `name` that requests give is what is limited; this limiter has one bucket,
/// to which every name goes.
///
/// ```
/// use std::time::Duration;
/// use tidegate::{AcquireError, Limiter, Rate};
///
/// let limiter = Limiter::in_memory().rate(Rate::new(2, Duration::from_secs(60))).open()?;
/// limiter.try_acquire("example.com")?;
/// limiter.try_acquire("example.com")?;
/// match limiter.try_acquire("example.com") {
///     Err(AcquireError::Limited { retry_after, .. }) => assert!(retry_after > Duration::from_secs(59)),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Limiter {
    attached: Arc<Attached>,
}

impl Limiter {
    pub(crate) fn open(origin: Origin, spec: Spec) -> Result<Self, OpenError> {
        let attached = Arc::new(Attached::new(origin, spec)?);
        Ok(Self { attached })
    }

    /// Takes one permit, if that is possible now.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Limited`] says when to try again. See [`AcquireError`] for others.
    #[inline]
    pub fn try_acquire(&self, name: impl AsRef<[u8]>) -> Result<Permit, AcquireError> {
        self.try_acquire_n(name, 1)
    }

    /// Takes `weight` permits, if that is possible now: all of them, or none. A weight
    /// of 0 is always granted.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire); and [`AcquireError::WeightTooLarge`] for
    /// what no window can hold.
    #[inline]
    pub fn try_acquire_n(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
    ) -> Result<Permit, AcquireError> {
        let zone = self.first_zone();
        if zone.has_keys() {
            return self.try_by_key(name.as_ref(), weight);
        }
        self.try_there(zone, Spot::ONLY, name.as_ref(), weight)
    }

    /// The same where each name has a bucket.
    fn try_by_key(&self, name: &[u8], weight: u64) -> Result<Permit, AcquireError> {
        let zone = self.first_zone();
        match zone.spot(name) {
            Some(spot) => self.try_there(zone, spot, name, weight),
            None => self.try_at_length(name, weight),
        }
    }

    /// The same of the bucket that the name had when one looked. What a glance settles is
    /// inlined, and writes the permit once; the rest is not.
    #[inline(always)]
    pub(crate) fn try_there(
        &self,
        zone: &Zone,
        spot: Spot,
        name: &[u8],
        weight: u64,
    ) -> Result<Permit, AcquireError> {
        match zone.bucket(spot).reserve_at_a_glance(weight, 0) {
            Ok(run) => Ok(Permit::new(run, 0)),
            Err(Unsettled::Open(rivalry)) => self.try_longer(zone, spot, name, weight, rivalry),
            Err(Unsettled::Refused(Refusal::Stale | Refusal::Closed)) => {
                self.try_at_length(name, weight)
            }
            Err(Unsettled::Refused(refusal)) => Err(explain(zone, weight, refusal)),
        }
    }

    /// The same where a glance does not settle it.
    #[cold]
    fn try_longer(
        &self,
        zone: &Zone,
        spot: Spot,
        name: &[u8],
        weight: u64,
        rivalry: Rivalry,
    ) -> Result<Permit, AcquireError> {
        match zone.bucket(spot).reserve_at_length(weight, 0, rivalry) {
            Ok(run) => Ok(Permit::new(run, 0)),
            Err(Refusal::Stale | Refusal::Closed) => self.try_at_length(name, weight),
            Err(refusal) => Err(explain(zone, weight, refusal)),
        }
    }

    /// The same where the name has no bucket yet, or has got another.
    #[cold]
    pub(crate) fn try_at_length(&self, name: &[u8], weight: u64) -> Result<Permit, AcquireError> {
        self.ask(name, weight, |bucket| {
            Ok(Permit::new(bucket.reserve(weight, 0)?, 0))
        })
    }

    /// Takes one permit, waiting for its turn: first come, first served, across all
    /// processes. The call sleeps once, and wakes when its turn has come.
    ///
    /// # Errors
    ///
    /// [`AcquireError::QueueFull`] if too many wait already; [`AcquireError::Limited`]
    /// if its turn is beyond the bucket's horizon: the time that a full queue takes,
    /// and an hour.
    pub fn acquire(&self, name: impl AsRef<[u8]>) -> Result<Permit, AcquireError> {
        self.acquire_n(name, 1)
    }

    /// Takes `weight` permits, waiting for its turn: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and [`AcquireError::WeightTooLarge`].
    pub fn acquire_n(&self, name: impl AsRef<[u8]>, weight: u64) -> Result<Permit, AcquireError> {
        self.acquire_timeout(name, weight, Duration::MAX)
    }

    /// Takes `weight` permits, waiting for its turn if that comes within `timeout`. If
    /// it does not, the call fails at once, and takes nothing.
    ///
    /// # Errors
    ///
    /// As [`acquire_n`](Self::acquire_n).
    pub fn acquire_timeout(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        timeout: Duration,
    ) -> Result<Permit, AcquireError> {
        let mut patience = Patience::new(timeout, self.attached.lateness());
        self.ask(name.as_ref(), weight, |bucket| {
            patience.acquire(bucket, weight)
        })
    }

    /// How long a request of `weight` would have to wait now; zero if it would be
    /// granted at once. Takes nothing.
    ///
    /// # Errors
    ///
    /// [`AcquireError::WeightTooLarge`], [`AcquireError::KeyTooLong`],
    /// [`AcquireError::Bucket`].
    pub fn waiting(&self, name: impl AsRef<[u8]>, weight: u64) -> Result<Duration, AcquireError> {
        let turn = self.ask_if_there(name.as_ref(), weight, |bucket| bucket.waiting(weight))?;
        Ok(turn.map_or(Duration::ZERO, |turn| {
            Duration::from_micros(turn.ready.saturating_sub(turn.now))
        }))
    }

    /// The instant of the `nth` newest permit, from 0, of those that count in the
    /// widest window; an upper bound, and in the future if it is waited for.
    ///
    /// # Errors
    ///
    /// [`AcquireError::KeyTooLong`], [`AcquireError::Bucket`].
    pub fn peek(
        &self,
        name: impl AsRef<[u8]>,
        nth: u64,
    ) -> Result<Option<Timestamp>, AcquireError> {
        let stamp = self.ask_if_there(name.as_ref(), 0, |bucket| bucket.peek(nth))?;
        Ok(stamp.flatten().map(Timestamp::from_ticks))
    }

    /// How many permits count in the widest window now, those that are waited for
    /// among them; of all keys together.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn count(&self) -> Result<u64, BucketError> {
        self.total(|bucket| bucket.count())
    }

    /// How many permits are reserved by callers that wait, of all keys together.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn queued(&self) -> Result<u64, BucketError> {
        self.total(|bucket| bucket.queued())
    }

    /// Forgets all permits: the next requests find empty buckets. Those who wait
    /// already keep their times.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn flush(&self) -> Result<(), BucketError> {
        self.total(|bucket| bucket.flush().map(|()| 0)).map(|_| ())
    }

    /// Forgets permits that count in no window any more; how many. No limit depends on
    /// it: see [`Leaker`](crate::Leaker).
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn leak(&self) -> Result<u64, BucketError> {
        self.total(|bucket| Ok(bucket.leak()?.permits))
    }

    /// The rates in force.
    pub fn rates(&self) -> Vec<Rate> {
        self.zone().rates().to_vec()
    }

    /// The time on the limiter's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_ticks(self.zone().clock().now())
    }

    /// Lets go of the limiter, as dropping does. The segment stays: see
    /// [`remove`](crate::remove).
    pub fn close(self) {}

    /// Why a request would be refused now, if it would be. Takes nothing.
    pub(crate) fn check_n(&self, name: &[u8], weight: u64) -> Result<(), AcquireError> {
        self.ask_zone(weight, |zone| {
            let turn = zone.ask_if_there(name, |bucket| bucket.waiting(weight))?;
            let turn = match turn {
                Some(turn) => turn,
                None if weight > zone.plan().smallest_limit() => {
                    return Err(Refusal::TooHeavy.into());
                }
                None => return Ok(()),
            };
            if turn.ready <= turn.now {
                return Ok(());
            }
            Err(Denied::Refused(Refusal::Limited {
                now: turn.now,
                ready: turn.ready,
                window: turn.window,
            }))
        })
    }

    /// Takes permits that may be given back.
    pub(crate) fn take(
        &self,
        name: &[u8],
        weight: u64,
        timeout: Duration,
    ) -> Result<Taken, AcquireError> {
        let mut patience = Patience::new(timeout, self.attached.lateness());
        self.ask_zone(weight, |zone| {
            zone.ask(name, |bucket| {
                let permit = patience.acquire(bucket, weight)?;
                Ok(zone.taken(permit, bucket))
            })
        })
    }

    /// Gives permits back; unless their segment was removed, and they with it.
    pub(crate) fn give_back(&self, taken: &Taken) {
        self.zone().give_back(taken);
    }

    /// The zone that was opened first, which says itself when it is no longer in use.
    #[inline]
    pub(crate) fn first_zone(&self) -> &Zone {
        self.attached.first()
    }

    /// The zone in use.
    pub(crate) fn zone(&self) -> &Zone {
        self.attached.newest()
    }

    /// Asks the bucket of that name, which is made if there is none.
    pub(crate) fn ask<T>(
        &self,
        name: &[u8],
        weight: u64,
        mut question: impl FnMut(Bucket<'_>) -> Result<T, Refusal>,
    ) -> Result<T, AcquireError> {
        self.ask_zone(weight, |zone| zone.ask(name, &mut question))
    }

    /// The same of a bucket that need not be there.
    pub(crate) fn ask_if_there<T>(
        &self,
        name: &[u8],
        weight: u64,
        mut question: impl FnMut(Bucket<'_>) -> Result<T, Refusal>,
    ) -> Result<Option<T>, AcquireError> {
        self.ask_zone(weight, |zone| zone.ask_if_there(name, &mut question))
    }

    /// Asks the zone, and says in the caller's words why there is no answer.
    pub(crate) fn ask_zone<T>(
        &self,
        weight: u64,
        question: impl FnMut(&Zone) -> Result<T, Denied>,
    ) -> Result<T, AcquireError> {
        self.attached
            .ask(question, |zone, denied| deny(zone, weight, denied))
    }

    /// Asks the zone for something that no rate refuses.
    pub(crate) fn look<T>(
        &self,
        question: impl FnMut(&Zone) -> Result<T, Denied>,
    ) -> Result<T, BucketError> {
        self.attached.ask(question, |_, denied| unusable(denied))
    }

    /// The sum of an answer over all buckets.
    fn total(
        &self,
        question: impl Fn(Bucket<'_>) -> Result<u64, Refusal>,
    ) -> Result<u64, BucketError> {
        self.look(|zone| {
            let mut total = 0;
            zone.ask_all(&question, |part| total += part)?;
            Ok(total)
        })
    }
}

/// A refusal in the caller's words. Being limited is as common as being granted.
#[inline]
pub(crate) fn explain(zone: &Zone, weight: u64, refusal: Refusal) -> AcquireError {
    match refusal {
        Refusal::Limited { now, ready, window } => AcquireError::Limited {
            retry_after: Duration::from_micros(ready - now),
            rate: zone.rates()[window],
        },
        Refusal::QueueFull { now, ready } => AcquireError::QueueFull {
            weight,
            queue: zone.plan().queue,
            retry_after: Duration::from_micros(ready.saturating_sub(now)),
        },
        Refusal::TooHeavy => AcquireError::WeightTooLarge {
            weight,
            rate: zone.rates()[0],
        },
        Refusal::Closed | Refusal::Stale | Refusal::Exhausted => {
            unusable(Denied::Refused(refusal)).into()
        }
    }
}

/// The same where the directory may be in the way.
fn deny(zone: &Zone, weight: u64, denied: Denied) -> AcquireError {
    match denied {
        Denied::Refused(refusal) => explain(zone, weight, refusal),
        Denied::Full => AcquireError::Full {
            keys: zone.design().keys.unwrap_or(1),
        },
        Denied::KeyTooLong(length) => AcquireError::KeyTooLong { length },
        Denied::Damaged => unusable(denied).into(),
    }
}

/// Why no bucket can be used.
fn unusable(denied: Denied) -> BucketError {
    match denied {
        Denied::Refused(Refusal::Closed) => BucketError::Closed,
        Denied::Damaged => BucketError::Damaged,
        _ => BucketError::Exhausted,
    }
}
