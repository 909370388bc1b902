//! What a limiter stands on: rings that this process can see, or a bucket of any kind.

#[cfg(feature = "tokio")]
use crate::bucket::Blocking;
use crate::bucket::Bucket;
use crate::bucket::block::block_on;
use crate::bucket::{Grant, Item};
use crate::clock::{ClockKind, SystemClock};
use crate::error::{AcquireError, BackendError, BucketError};
use crate::ring::Clock;
use crate::segment::SegmentClock;
use crate::timestamp::Timestamp;
use crate::zone::attached::Attached;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The clock by which one waits for a bucket that has another clock: for so long as the bucket
/// says, from when it has said so.
pub static LOCAL: SegmentClock = SegmentClock::of_system(SystemClock::new(ClockKind::DEFAULT, 0));

/// What a limiter stands on. What is common over rings is inlined, and asks them directly.
// With a tag of its own, that is one comparison.
#[repr(u8)]
// A limiter has one, behind a pointer already: a box would be one step more.
#[allow(clippy::large_enum_variant)]
pub enum Ground {
    Zone(Attached),
    Other(Foreign),
}

/// A bucket of another kind.
#[derive(Clone)]
pub enum Foreign {
    Bucket(Arc<dyn Bucket>),
    #[cfg(feature = "tokio")]
    Async(Arc<Blocking>),
}

/// Asks a bucket of either kind, as in `asked!(ground, |bucket| bucket.count())`: in this thread, or
/// in a task whose answer is awaited. It ends the function that it is in. What the question
/// needs has to be its own.
macro_rules! asked {
    ($of:expr, |$bucket:ident| $question:expr) => {{
        #[cfg(feature = "tokio")]
        if let Some(blocking) = $of.asynchronous() {
            return blocking
                .ask(move |$bucket| async move { $question.await })
                .await;
        }
        let $bucket = $of.as_bucket();
        $question
    }};
}

pub(crate) use asked;

impl Ground {
    /// As every bucket is asked, in the caller's thread.
    pub fn as_bucket(&self) -> &dyn Bucket {
        match self {
            Self::Zone(rings) => rings,
            Self::Other(bucket) => bucket.as_bucket(),
        }
    }

    /// The rings, if it is them.
    #[inline]
    pub fn attached(&self) -> Option<&Attached> {
        match self {
            Self::Zone(rings) => Some(rings),
            Self::Other(_) => None,
        }
    }

    /// Runs what asks it, in the caller's thread.
    pub fn block_on<T: Send, E: From<BackendError> + Send>(
        &self,
        asking: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Other(Foreign::Async(bucket)) => bucket.wait(asking),
            _ => block_on(asking),
        }
    }

    /// As [`Bucket::put`].
    pub async fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        match self {
            Self::Zone(rings) => rings.put(item, max_wait),
            Self::Other(bucket) => bucket.put(item, max_wait).await,
        }
    }

    /// The async bucket, if it is one.
    #[cfg(feature = "tokio")]
    pub fn asynchronous(&self) -> Option<&Arc<Blocking>> {
        match self {
            Self::Zone(_) => None,
            Self::Other(bucket) => bucket.asynchronous(),
        }
    }

    /// As [`Bucket::now`].
    pub async fn now(&self) -> Result<Timestamp, BucketError> {
        asked!(self, |bucket| bucket.now())
    }
}

impl Foreign {
    /// As every bucket is asked, in the caller's thread.
    pub fn as_bucket(&self) -> &dyn Bucket {
        match self {
            Self::Bucket(bucket) => bucket,
            #[cfg(feature = "tokio")]
            Self::Async(bucket) => bucket,
        }
    }

    /// The async bucket, if it is one.
    #[cfg(feature = "tokio")]
    fn asynchronous(&self) -> Option<&Arc<Blocking>> {
        match self {
            Self::Bucket(_) => None,
            Self::Async(bucket) => Some(bucket),
        }
    }

    /// Whether it is the same one.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bucket(one), Self::Bucket(other)) => Arc::ptr_eq(one, other),
            #[cfg(feature = "tokio")]
            (Self::Async(one), Self::Async(other)) => Arc::ptr_eq(one, other),
            #[cfg(feature = "tokio")]
            _ => false,
        }
    }

    /// As [`Bucket::put`]. A future that is dropped before it has ended takes nothing.
    pub async fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        #[cfg(feature = "tokio")]
        if let Self::Async(bucket) = self {
            let held = bucket.put_held(item, max_wait).await?;
            return Ok(held.take());
        }
        self.as_bucket().put(item, max_wait)
    }

    /// As [`Bucket::give_back`].
    pub async fn give_back(
        &self,
        name: &[u8],
        grant: Grant,
        weight: u64,
    ) -> Result<(), BucketError> {
        let name: Box<[u8]> = name.into();
        asked!(self, |bucket| bucket.give_back(&name, &grant, weight))
    }

    /// The same; where it would have to be awaited, it is left to the bucket's task.
    pub fn hand_back(&self, name: &[u8], grant: &Grant, weight: u64) -> Result<(), BucketError> {
        #[cfg(feature = "tokio")]
        if let Self::Async(bucket) = self {
            return bucket.hand_back(name, grant, weight);
        }
        self.as_bucket().give_back(name, grant, weight)
    }

    /// Until when a name is paused, by the [local](LOCAL) clock; 0 if it is not.
    pub async fn paused_until(&self, name: &[u8]) -> Result<u64, BucketError> {
        if self.as_bucket().longest_pause().is_zero() {
            return Ok(0);
        }
        let left = self.paused(name).await?;
        Ok(if left.is_zero() {
            0
        } else {
            local_end(LOCAL.now(), left)
        })
    }

    async fn paused(&self, name: &[u8]) -> Result<Duration, BucketError> {
        let name: Box<[u8]> = name.into();
        asked!(self, |bucket| bucket.paused(&name))
    }

    /// The shortest interval of its rates, in ticks.
    pub fn shortest_interval(&self) -> u64 {
        let rates = self.as_bucket().rates();
        let shortest = rates.iter().map(|rate| rate.interval().as_micros()).min();
        shortest.map_or(0, |micros| u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// When a time ends that has begun at a tick of the [local](LOCAL) clock: not before.
pub fn local_end(begun: u64, time: Duration) -> u64 {
    let micros = time.as_nanos().div_ceil(1000);
    let ticks = u64::try_from(micros).unwrap_or(u64::MAX);
    // The tick is rounded down.
    begun.saturating_add(ticks).saturating_add(1)
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone(attached) => attached.fmt(f),
            Self::Other(_) => f
                .debug_tuple("Bucket")
                .field(&self.as_bucket().label())
                .finish(),
        }
    }
}
