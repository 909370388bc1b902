//! Why no permit was given; in [`backend`], why a store failed; in [`open`], why there is no
//! limiter; in [`steer`], why it could not be steered.

mod backend;
mod open;
mod steer;

use crate::clock::ClockError;
use crate::directory::MAX_KEY;
use crate::rate::Rate;
pub use backend::{BackendError, Outcome};
pub use open::OpenError;
use std::sync::Arc;
use std::time::Duration;
pub use steer::{DebitError, PauseError, RefundError, SetRatesError};

/// Why a request was not granted. Nothing was taken, unless the [`outcome`](Self::outcome) is
/// unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// Granting it, within the time that the caller would wait, would exceed a rate, fall in a
    /// [pause](crate::Limiter::pause), or overtake somebody who waits.
    #[error("limited by {rate}: try again in {retry_after:?}")]
    Limited {
        /// After this time it would be granted, if nobody else comes first. Exact to
        /// the microsecond.
        retry_after: Duration,
        /// The rate that holds it back most, or comes nearest to it where only a pause does.
        rate: Rate,
    },
    /// It would have to wait, and too many permits are waited for already.
    #[error(
        "a weight of {weight} would have to wait, and the queue holds {queue} at most: \
         try again in {retry_after:?}, or create the limiter with a longer queue"
    )]
    QueueFull {
        /// Permits asked for.
        weight: u64,
        /// How many permits may be waited for at once.
        queue: u64,
        /// After this time there is room, if nobody else comes first.
        retry_after: Duration,
    },
    /// It is heavier than the smallest limit: it could never be granted.
    #[error("a weight of {weight} can never be granted: {rate} allows {} at most", rate.limit())]
    WeightTooLarge {
        /// Permits asked for.
        weight: u64,
        /// The rate with the smallest limit.
        rate: Rate,
    },
    /// All buckets are taken by other keys, and those that were looked at, 256 of them at
    /// most, are in use; or one at least was in the hands of a caller that was making it
    /// another key's, or giving it back, and did not get on with that while this call
    /// looked again and again: it has stopped, or is dead. Nobody waits for such a one.
    #[error(
        "all {keys} keys are in use: try again later, or remove the segment and create it \
         for more keys"
    )]
    Full {
        /// For how many keys there are buckets.
        keys: u64,
    },
    /// The key is too long.
    #[error("a key of {length} bytes is too long: {MAX_KEY} are allowed")]
    KeyTooLong {
        /// Bytes.
        length: usize,
    },
    /// The bucket cannot be used.
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

impl AcquireError {
    /// Whether it is known that nothing was taken: only a store that fails half-way leaves that
    /// open.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Bucket(error) => error.outcome(),
            _ => Outcome::Undone,
        }
    }
}

impl From<BackendError> for AcquireError {
    fn from(error: BackendError) -> Self {
        Self::Bucket(error.into())
    }
}

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// The segment was removed, and this handle may only attach to one that is there.
    #[error("the segment was removed: create it anew")]
    Removed,
    /// The segment was removed or changed, and could not be opened again.
    #[error("the segment was removed or changed, and cannot be opened again: {0}")]
    Reopen(#[source] Arc<OpenError>),
    /// The bucket is closed; or, in a segment, its first word is damaged.
    #[error("the bucket is closed: open it anew; a segment, remove and create it anew")]
    Closed,
    /// The words of the directory of keys contradict each other.
    #[error("the directory of keys is damaged: remove the segment, and create it anew")]
    Damaged,
    /// The words that say which rates are in force are out of bounds.
    #[error("the segment's rates are damaged: remove the segment, and create it anew")]
    Rates,
    /// The bucket has given out all its sequence numbers (2^52), or the segment is older
    /// than its clock can count (17 years); or its words are damaged.
    #[error("the segment is used up, or damaged: remove it, and create it anew")]
    Exhausted,
    /// Buckets of this kind do not tell, or do, such a thing.
    #[error("{what}: buckets of this kind do not support that")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// The bucket's clock has failed.
    #[error(transparent)]
    Clock(Arc<ClockError>),
    /// The store that the bucket is kept in has failed.
    #[error(transparent)]
    Backend(Arc<BackendError>),
}

impl BucketError {
    /// Whether it is known that nothing was done.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Backend(error) => error.outcome,
            _ => Outcome::Undone,
        }
    }
}

impl From<ClockError> for BucketError {
    fn from(error: ClockError) -> Self {
        Self::Clock(Arc::new(error))
    }
}

impl From<ClockError> for AcquireError {
    fn from(error: ClockError) -> Self {
        Self::Bucket(error.into())
    }
}

impl From<BackendError> for BucketError {
    fn from(error: BackendError) -> Self {
        Self::Backend(Arc::new(error))
    }
}
