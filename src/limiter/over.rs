//! Limiters over buckets of any kind, and how a handle behaves.

use crate::bucket::Bucket;
#[cfg(feature = "tokio")]
use crate::bucket::{AsyncBucket, Blocking};
use crate::ground::{Foreign, Ground};
use crate::limiter::Limiter;
use crate::sync::AtomicU64;
use crate::turn::manners::Manners;
use std::sync::Arc;
use std::time::Duration;

impl Limiter {
    /// A limiter over a bucket of any kind: one of another crate, say, or your own. It does all
    /// that a limiter over rings does; what only a ring can tell is answered
    /// [`Unsupported`](crate::BucketError::Unsupported): [`inspect`](Self::inspect) and
    /// [`buckets`](Self::buckets).
    ///
    /// Those who wait sleep by the monotonic clock of this machine, for as long as the bucket
    /// has said, and ask it then whether a pause is on. Async methods ask the bucket in the
    /// thread that polls them: one that takes its time is better offloaded, with feature `tokio`
    /// by `Offload`.
    pub fn over(bucket: impl Bucket + 'static) -> Self {
        Self::on(Ground::Other(Foreign::Bucket(Arc::new(bucket))))
    }

    /// A limiter over an async bucket. Async methods do not block; the others wait in their
    /// thread for the answers: see [`Blocking`], which also says how to have the bucket asked
    /// on a runtime of yours. With feature `tokio`.
    ///
    /// A future that is dropped gives its place back, or what it was about to get, by a task
    /// on that runtime.
    #[cfg(feature = "tokio")]
    pub fn over_async(bucket: impl AsyncBucket + 'static) -> Self {
        Blocking::new(bucket).into()
    }

    pub(crate) fn with(self, manners: Manners) -> Self {
        Self { manners, ..self }
    }

    /// The same limiter, for those who may wake late and still go at once: see
    /// [`Builder::lateness`](crate::Builder::lateness). As the next ones, it concerns this
    /// handle, and clones that are made of it.
    #[must_use = "the handle itself stays as it is"]
    pub fn lateness(mut self, bound: Duration) -> Self {
        self.manners.lateness = Some(bound);
        self
    }

    /// The same limiter, for those who go later than their turn: see
    /// [`Builder::buffer`](crate::Builder::buffer).
    #[must_use = "the handle itself stays as it is"]
    pub fn buffer(mut self, margin: Duration) -> Self {
        self.manners.buffer = margin;
        self
    }

    /// The same limiter, for those who go later by chance: see
    /// [`Builder::jitter`](crate::Builder::jitter).
    #[must_use = "the handle itself stays as it is"]
    pub fn jitter(mut self, most: Duration) -> Self {
        self.manners.jitter = most;
        self
    }

    /// The same limiter, for those who all pass: see
    /// [`Builder::dry_run`](crate::Builder::dry_run).
    #[must_use = "the handle itself stays as it is"]
    pub fn dry_run(mut self) -> Self {
        self.let_pass = Some(Arc::new(AtomicU64::new(0)));
        self
    }
}

#[cfg(feature = "tokio")]
impl From<Blocking> for Limiter {
    fn from(bucket: Blocking) -> Self {
        Self::on(Ground::Other(Foreign::Async(Arc::new(bucket))))
    }
}
