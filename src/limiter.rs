//! The limiter: what a user holds.

use crate::attached::{Attached, Origin};
use crate::bucket::Bucket;
use crate::error::{AcquireError, BucketError, OpenError};
use crate::permit::Permit;
use crate::rate::Rate;
use crate::ring::{Clock, Refusal};
use crate::spec::Spec;
use crate::timestamp::Timestamp;
use crate::wait::Patience;
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
        let bucket = self.of(name.as_ref()).first();
        // As `ask` does; but so the whole way is inlined, and the permit is written once.
        match bucket.reserve(weight, 0) {
            Ok(run) => Ok(Permit::new(run, 0)),
            Err(Refusal::Stale) => self.try_successor(name.as_ref(), weight),
            Err(refusal) => Err(explain(bucket, weight, refusal)),
        }
    }

    /// The same of the bucket that took the first one's place.
    #[cold]
    fn try_successor(&self, name: &[u8], weight: u64) -> Result<Permit, AcquireError> {
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
    /// [`AcquireError::WeightTooLarge`], [`AcquireError::Bucket`].
    pub fn waiting(&self, weight: u64) -> Result<Duration, AcquireError> {
        let turn = self.ask(b"", weight, |bucket| bucket.waiting(weight))?;
        Ok(Duration::from_micros(turn.ready.saturating_sub(turn.now)))
    }

    /// How many permits count in the widest window now, those that are waited for
    /// among them.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn count(&self) -> Result<u64, BucketError> {
        self.look(Bucket::count)
    }

    /// How many permits are reserved by callers that wait.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn queued(&self) -> Result<u64, BucketError> {
        self.look(Bucket::queued)
    }

    /// The instant of the `nth` newest permit, from 0, of those that count in the
    /// widest window; an upper bound, and in the future if it is waited for.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn peek(&self, nth: u64) -> Result<Option<Timestamp>, BucketError> {
        Ok(self
            .look(|bucket| bucket.peek(nth))?
            .map(Timestamp::from_ticks))
    }

    /// Forgets all permits: the next requests find an empty bucket. Those who wait
    /// already keep their times.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn flush(&self) -> Result<(), BucketError> {
        self.look(Bucket::flush)
    }

    /// Forgets permits that count in no window any more; how many. No limit depends on
    /// it: see [`Leaker`](crate::Leaker).
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn leak(&self) -> Result<u64, BucketError> {
        Ok(self.look(Bucket::leak)?.permits)
    }

    /// The rates in force.
    pub fn rates(&self) -> Vec<Rate> {
        self.bucket().rates().to_vec()
    }

    /// The time on the limiter's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_ticks(self.bucket().clock().now())
    }

    /// Lets go of the limiter, as dropping does. The segment stays: see
    /// [`remove`](crate::remove).
    pub fn close(self) {}

    /// The bucket in use.
    pub(crate) fn bucket(&self) -> &Bucket {
        self.attached.newest()
    }

    /// The bucket of that name. There is one: it takes every name.
    #[inline]
    fn of(&self, _name: &[u8]) -> &Attached {
        &self.attached
    }

    /// Asks that bucket for permits, and says in the caller's words why there are none.
    fn ask<T>(
        &self,
        name: &[u8],
        weight: u64,
        question: impl FnMut(&Bucket) -> Result<T, Refusal>,
    ) -> Result<T, AcquireError> {
        self.of(name)
            .ask(question, |bucket, refusal| explain(bucket, weight, refusal))
    }

    /// Asks it for something that no rate refuses.
    pub(crate) fn look<T>(
        &self,
        question: impl FnMut(&Bucket) -> Result<T, Refusal>,
    ) -> Result<T, BucketError> {
        self.attached.ask(question, |_, refusal| match refusal {
            Refusal::Closed => BucketError::Closed,
            _ => BucketError::Exhausted,
        })
    }
}

/// A refusal in the caller's words. Being limited is as common as being granted.
#[inline]
fn explain(bucket: &Bucket, weight: u64, refusal: Refusal) -> AcquireError {
    match refusal {
        Refusal::Limited { now, ready, window } => AcquireError::Limited {
            retry_after: Duration::from_micros(ready - now),
            rate: bucket.rates()[window],
        },
        Refusal::QueueFull { now, ready } => AcquireError::QueueFull {
            weight,
            queue: bucket.plan().queue,
            retry_after: Duration::from_micros(ready.saturating_sub(now)),
        },
        Refusal::TooHeavy => AcquireError::WeightTooLarge {
            weight,
            rate: bucket.rates()[0],
        },
        Refusal::Closed => BucketError::Closed.into(),
        Refusal::Stale | Refusal::Exhausted => BucketError::Exhausted.into(),
    }
}
