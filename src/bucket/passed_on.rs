//! What points to a bucket is a bucket.

use super::{Answer, AsyncBucket, Bucket, Grant, Item, Usage};
use crate::error::{AcquireError, BucketError, PauseError, SetRatesError};
use crate::rate::Rate;
use crate::timestamp::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Has a pointer pass everything on: also what has a default, which the bucket may do better.
macro_rules! pass_on {
    ($pointer:ty) => {
        impl<B: Bucket + ?Sized> Bucket for $pointer {
            fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
                (**self).put(item, max_wait)
            }

            fn give_back(
                &self,
                name: &[u8],
                grant: &Grant,
                weight: u64,
            ) -> Result<(), BucketError> {
                (**self).give_back(name, grant, weight)
            }

            fn look(&self, item: Item<'_>) -> Result<(), AcquireError> {
                (**self).look(item)
            }

            fn waiting(&self, item: Item<'_>) -> Result<Duration, AcquireError> {
                (**self).waiting(item)
            }

            fn peek(&self, name: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
                (**self).peek(name, nth)
            }

            fn usage(&self, name: &[u8]) -> Result<Vec<Usage>, AcquireError> {
                (**self).usage(name)
            }

            fn count(&self) -> Result<u64, BucketError> {
                (**self).count()
            }

            fn queued(&self) -> Result<u64, BucketError> {
                (**self).queued()
            }

            fn flush(&self) -> Result<(), BucketError> {
                (**self).flush()
            }

            fn leak(&self) -> Result<u64, BucketError> {
                (**self).leak()
            }

            fn dispose(&self, name: &[u8]) -> Result<bool, AcquireError> {
                (**self).dispose(name)
            }

            fn pause(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
                (**self).pause(name, until)
            }

            fn resume(&self, name: Option<&[u8]>) -> Result<bool, PauseError> {
                (**self).resume(name)
            }

            fn paused(&self, name: &[u8]) -> Result<Duration, BucketError> {
                (**self).paused(name)
            }

            fn longest_pause(&self) -> Duration {
                (**self).longest_pause()
            }

            fn rates(&self) -> Vec<Rate> {
                (**self).rates()
            }

            fn queue(&self) -> u64 {
                (**self).queue()
            }

            fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
                (**self).set_rates(rates)
            }

            fn now(&self) -> Result<Timestamp, BucketError> {
                (**self).now()
            }

            fn close(&self) -> Result<(), BucketError> {
                (**self).close()
            }

            fn label(&self) -> String {
                (**self).label()
            }
        }

        impl<B: AsyncBucket + ?Sized> AsyncBucket for $pointer {
            fn put<'a>(
                &'a self,
                item: Item<'a>,
                max_wait: Duration,
            ) -> Answer<'a, Result<Grant, AcquireError>> {
                (**self).put(item, max_wait)
            }

            fn give_back<'a>(
                &'a self,
                name: &'a [u8],
                grant: &'a Grant,
                weight: u64,
            ) -> Answer<'a, Result<(), BucketError>> {
                (**self).give_back(name, grant, weight)
            }

            fn look<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<(), AcquireError>> {
                (**self).look(item)
            }

            fn waiting<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<Duration, AcquireError>> {
                (**self).waiting(item)
            }

            fn peek<'a>(
                &'a self,
                name: &'a [u8],
                nth: u64,
            ) -> Answer<'a, Result<Option<Timestamp>, AcquireError>> {
                (**self).peek(name, nth)
            }

            fn usage<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Vec<Usage>, AcquireError>> {
                (**self).usage(name)
            }

            fn count(&self) -> Answer<'_, Result<u64, BucketError>> {
                (**self).count()
            }

            fn queued(&self) -> Answer<'_, Result<u64, BucketError>> {
                (**self).queued()
            }

            fn flush(&self) -> Answer<'_, Result<(), BucketError>> {
                (**self).flush()
            }

            fn leak(&self) -> Answer<'_, Result<u64, BucketError>> {
                (**self).leak()
            }

            fn dispose<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<bool, AcquireError>> {
                (**self).dispose(name)
            }

            fn pause<'a>(
                &'a self,
                name: Option<&'a [u8]>,
                until: Timestamp,
            ) -> Answer<'a, Result<(), PauseError>> {
                (**self).pause(name, until)
            }

            fn resume<'a>(
                &'a self,
                name: Option<&'a [u8]>,
            ) -> Answer<'a, Result<bool, PauseError>> {
                (**self).resume(name)
            }

            fn paused<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Duration, BucketError>> {
                (**self).paused(name)
            }

            fn longest_pause(&self) -> Duration {
                (**self).longest_pause()
            }

            fn rates(&self) -> Vec<Rate> {
                (**self).rates()
            }

            fn queue(&self) -> u64 {
                (**self).queue()
            }

            fn set_rates<'a>(&'a self, rates: &'a [Rate]) -> Answer<'a, Result<(), SetRatesError>> {
                (**self).set_rates(rates)
            }

            fn now(&self) -> Answer<'_, Result<Timestamp, BucketError>> {
                (**self).now()
            }

            fn close(&self) -> Answer<'_, Result<(), BucketError>> {
                (**self).close()
            }

            fn label(&self) -> String {
                (**self).label()
            }
        }
    };
}

pass_on!(Box<B>);
pass_on!(Arc<B>);
pass_on!(&B);
