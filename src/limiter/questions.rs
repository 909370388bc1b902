//! What can be asked of a limiter, and takes nothing.

use crate::bucket::{Item, Usage};
use crate::error::{AcquireError, BucketError};
use crate::limiter::Limiter;
use crate::rate::Rate;
use crate::timestamp::Timestamp;
use std::time::Duration;

impl Limiter {
    /// How long a request of `weight` would have to wait now; zero if it would be
    /// granted at once. Takes nothing.
    ///
    /// # Errors
    ///
    /// [`AcquireError::WeightTooLarge`], [`AcquireError::KeyTooLong`],
    /// [`AcquireError::Bucket`].
    pub fn waiting(&self, name: impl AsRef<[u8]>, weight: u64) -> Result<Duration, AcquireError> {
        let name = name.as_ref();
        self.as_bucket().waiting(Item { name, weight })
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
        self.as_bucket().peek(name.as_ref(), nth)
    }

    /// How many permits count in the widest window now, those that are waited for
    /// among them; of all keys together. It looks at each key: half a second for a
    /// million, in which others go on.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn count(&self) -> Result<u64, BucketError> {
        self.as_bucket().count()
    }

    /// How many permits are reserved by callers that wait, of all keys together.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn queued(&self) -> Result<u64, BucketError> {
        self.as_bucket().queued()
    }

    /// How much of each rate the key has used, in the order of the [rates](Self::rates).
    ///
    /// # Errors
    ///
    /// [`AcquireError::KeyTooLong`], [`AcquireError::Bucket`].
    pub fn usage(&self, name: impl AsRef<[u8]>) -> Result<Vec<Usage>, AcquireError> {
        self.as_bucket().usage(name.as_ref())
    }

    /// The rates in force; if the segment cannot be used any more, the last ones known.
    pub fn rates(&self) -> Vec<Rate> {
        self.as_bucket().rates()
    }

    /// The time on the limiter's clock.
    ///
    /// # Errors
    ///
    /// See [`BucketError`]: the clock of a server may not be reached. That of rings never fails.
    pub fn now(&self) -> Result<Timestamp, BucketError> {
        self.as_bucket().now()
    }

    /// Why a request would be refused now, if it would be. Takes nothing.
    pub(crate) fn check_n(&self, name: &[u8], weight: u64) -> Result<(), AcquireError> {
        match self.is_dry() {
            true => Ok(()),
            false => self.as_bucket().look(Item { name, weight }),
        }
    }
}
