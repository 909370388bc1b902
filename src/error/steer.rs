//! Why a limiter could not be steered: debits, refunds, pauses, rates that change.

use super::{AcquireError, BackendError, BucketError};
use crate::rate::RateError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why nothing was given back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefundError {
    /// More was to be given back than the permit stands for.
    #[error("a refund of {weight} is too much: the permit stands for {held}")]
    TooMuch {
        /// Permits that were to be given back.
        weight: u64,
        /// Permits that there are.
        held: u64,
    },
    /// The bucket cannot be used. The permits count until their time has passed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

/// Why permits were not charged, or not all of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebitError {
    /// So much can never be charged at once. Nothing was.
    #[error(
        "a debit of {weight} is too much: the smallest limit and the queue hold {most}; \
         charge less, or create the limiter with a longer queue"
    )]
    TooMuch {
        /// Permits that were to be charged.
        weight: u64,
        /// How many could be, at most.
        most: u64,
    },
    /// Some were charged, and then no more could be.
    #[error("{charged} of a debit of {weight} were charged, and no more: {error}")]
    Partly {
        /// Permits that were to be charged.
        weight: u64,
        /// Permits that were.
        charged: u64,
        /// Why no more.
        #[source]
        error: AcquireError,
    },
}

/// Why there is no pause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PauseError {
    /// A bucket cannot look so far ahead.
    #[error("a pause of {asked:?} is too long: {longest:?} is possible")]
    TooLong {
        /// From now on.
        asked: Duration,
        /// The longest from now on.
        longest: Duration,
    },
    /// Buckets of this kind know no pauses.
    #[error("buckets of this kind cannot be paused")]
    Unsupported,
    /// The bucket to be paused is not to be had.
    #[error(transparent)]
    Acquire(#[from] AcquireError),
}

impl From<BucketError> for PauseError {
    fn from(error: BucketError) -> Self {
        Self::Acquire(error.into())
    }
}

impl From<BackendError> for PauseError {
    fn from(error: BackendError) -> Self {
        Self::Acquire(error.into())
    }
}

/// Why the rates are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetRatesError {
    /// The rates make no limit.
    #[error(transparent)]
    Rates(#[from] RateError),
    /// The buckets were made for smaller limits.
    #[error(
        "a limit of {limit} and a queue of {queue} do not fit a capacity of {capacity}: \
         set smaller limits, or remove the segment and create it with a larger capacity"
    )]
    TooLarge {
        /// The largest limit, in permits.
        limit: u64,
        /// Permits that may be reserved ahead.
        queue: u64,
        /// Permits that each bucket remembers.
        capacity: u64,
    },
    /// Somebody who changes the rates does not come to an end.
    #[error(
        "somebody else is changing the rates of {path}, and may have stopped over it; try again"
    )]
    Busy {
        /// The segment.
        path: PathBuf,
    },
    /// Buckets of this kind keep the rates that they were made with.
    #[error("the rates of a bucket of this kind cannot be changed: remove it, and create it anew")]
    Fixed,
    /// The lock on the rates could not be asked for.
    #[error("could not lock the rates of {path}: {source}")]
    Lock {
        /// The segment.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The limiter cannot be used.
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

impl From<BackendError> for SetRatesError {
    fn from(error: BackendError) -> Self {
        Self::Bucket(error.into())
    }
}
