//! The limiter: what a user holds.

use crate::bucket::Bucket;
use crate::builder::Builder;
use crate::error::{AcquireError, BucketError};
use crate::permit::Permit;
use crate::rate::Rate;
use crate::ring::{Clock, Refusal};
use crate::segment::error::OpenError;
use crate::segment::open_segment;
use crate::segment::place::Place;
#[cfg(feature = "portable")]
use crate::segment::portable::open_portable;
use crate::spec::{Presence, Spec};
use crate::timestamp::Timestamp;
use crate::wait::Patience;
use std::path::Path;
use std::sync::{Arc, OnceLock};
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
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    origin: Origin,
    spec: Spec,
    first: Attachment,
}

/// Where the bucket comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    Memory,
    Segment(Place),
    #[cfg(feature = "portable")]
    Portable(String),
}

/// A bucket, and the one that took its place when its segment was removed or changed.
/// The old mapping stays until the limiter is dropped, for other threads may be in it.
#[derive(Debug)]
struct Attachment {
    bucket: Bucket,
    successor: OnceLock<Box<Attachment>>,
}

impl Limiter {
    /// A limiter in the segment of that name, for all processes on this host that
    /// know the name: one component of `[A-Za-z0-9._-]`, no leading dot.
    ///
    /// It lives in memory (`/dev/shm`) until it is [removed](crate::remove), or the
    /// machine restarts.
    pub fn shared(name: impl Into<String>) -> Builder {
        Builder::named(name.into())
    }

    /// A limiter in a file, for all processes on this host that open it. What was
    /// granted is remembered after a restart of the machine.
    pub fn at(path: impl AsRef<Path>) -> Builder {
        Builder::at(path.as_ref().to_owned())
    }

    /// A limiter in what the system calls shared memory, by the `shared_memory` crate: for
    /// systems without `/dev/shm`. A name here is another than the same name in
    /// [`shared`](Self::shared), which is better where it works: this memory is not
    /// allocated ahead, and its maker can die half-way.
    #[cfg(feature = "portable")]
    pub fn portable(name: impl Into<String>) -> Builder {
        Builder::portable(name.into())
    }

    /// A limiter for the threads of this process.
    pub fn in_memory() -> Builder {
        Builder::in_memory()
    }

    pub(crate) fn open(origin: Origin, spec: Spec) -> Result<Self, OpenError> {
        let first = Attachment::new(&origin, &spec)?;
        Ok(Self {
            inner: Arc::new(Inner {
                origin,
                spec,
                first,
            }),
        })
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
        let bucket = &self.attachment(name.as_ref()).bucket;
        // As `ask` does; but so the whole way is inlined, and the permit is written once.
        match bucket.reserve(weight, 0) {
            Ok(run) => Ok(Permit::new(run, 0)),
            Err(Refusal::Stale) => self.ask(name.as_ref(), weight, |bucket| {
                Ok(Permit::new(bucket.reserve(weight, 0)?, 0))
            }),
            Err(refusal) => Err(explain(bucket, weight, refusal)),
        }
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
        let mut patience = Patience::new(timeout, self.inner.spec.lateness);
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
        &self.inner.first.newest().bucket
    }

    /// Where the bucket of that name was found first. There is one bucket: it takes
    /// every name.
    #[inline]
    fn attachment(&self, _name: &[u8]) -> &Attachment {
        &self.inner.first
    }

    /// Asks the bucket of that name that is in use now, and says in the caller's words
    /// why there are no permits.
    fn ask<T>(
        &self,
        name: &[u8],
        weight: u64,
        mut question: impl FnMut(&Bucket) -> Result<T, Refusal>,
    ) -> Result<T, AcquireError> {
        let mut attachment = self.attachment(name).newest();
        loop {
            match question(&attachment.bucket) {
                Ok(answer) => return Ok(answer),
                Err(Refusal::Stale) => attachment = self.succeed(attachment)?,
                Err(refusal) => return Err(explain(&attachment.bucket, weight, refusal)),
            }
        }
    }

    /// Asks for something that no rate refuses.
    pub(crate) fn look<T>(
        &self,
        mut question: impl FnMut(&Bucket) -> Result<T, Refusal>,
    ) -> Result<T, BucketError> {
        let mut attachment = self.inner.first.newest();
        loop {
            match question(&attachment.bucket) {
                Ok(answer) => return Ok(answer),
                Err(Refusal::Stale) => attachment = self.succeed(attachment)?,
                Err(Refusal::Closed) => return Err(BucketError::Closed),
                Err(_) => return Err(BucketError::Exhausted),
            }
        }
    }

    /// Opens the segment again that was removed or changed.
    fn succeed<'a>(&'a self, old: &'a Attachment) -> Result<&'a Attachment, BucketError> {
        if old.successor.get().is_none() {
            let mut spec = self.inner.spec.clone();
            if spec.presence == Presence::New {
                spec.presence = Presence::Any;
            }
            // Whoever changed the rates of a living segment meant all who are attached.
            let is_removed = old
                .bucket
                .segment()
                .is_none_or(|segment| segment.version().is_removed());
            spec.adopt |= !is_removed;
            let new = Attachment::new(&self.inner.origin, &spec).map_err(|error| match error {
                OpenError::NotFound { .. } => BucketError::Removed,
                error => BucketError::Reopen(Box::new(error)),
            })?;
            // Another thread may have been first: its successor is as good.
            let _ = old.successor.set(Box::new(new));
        }
        Ok(old.newest())
    }
}

impl Attachment {
    fn new(origin: &Origin, spec: &Spec) -> Result<Self, OpenError> {
        let bucket = match origin {
            Origin::Memory => Bucket::in_memory(spec)?,
            Origin::Segment(place) => Bucket::of_segment(open_segment(place, spec)?),
            #[cfg(feature = "portable")]
            Origin::Portable(name) => Bucket::of_segment(open_portable(name, spec)?),
        };
        Ok(Self {
            bucket,
            successor: OnceLock::new(),
        })
    }

    /// The one in use: the last of the successors.
    fn newest(&self) -> &Self {
        let mut attachment = self;
        while let Some(successor) = attachment.successor.get() {
            attachment = successor;
        }
        attachment
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
