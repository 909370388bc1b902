//! What points to a bucket is a bucket, and so is what is made of one.

use std::sync::Arc;
use words::*;

/// The words that buckets are asked and answer with.
pub mod words {
    pub use crate::bucket::{Answer, AsyncBucket, Bucket, Grant, Item, Usage};
    pub use crate::error::{AcquireError, BucketError, PauseError, SetRatesError};
    pub use crate::rate::Rate;
    pub use crate::timestamp::Timestamp;
    pub use std::time::Duration;
}

/// Has one bucket pass everything on to another inside of it: also what has a default, which
/// that one may do better. Called as
/// `pass_on_as_bucket!([generics] type, |this| this.inner)`, with the [`words`] in scope.
macro_rules! pass_on_as_bucket {
    ([$($generics:tt)*] $outer:ty, |$this:ident| $inner:expr) => {
        impl<$($generics)*> Bucket for $outer {
            fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
                let $this = self;
                ($inner).put(item, max_wait)
            }

            fn give_back(
                &self,
                name: &[u8],
                grant: &Grant,
                weight: u64,
            ) -> Result<(), BucketError> {
                let $this = self;
                ($inner).give_back(name, grant, weight)
            }

            fn look(&self, item: Item<'_>) -> Result<(), AcquireError> {
                let $this = self;
                ($inner).look(item)
            }

            fn waiting(&self, item: Item<'_>) -> Result<Duration, AcquireError> {
                let $this = self;
                ($inner).waiting(item)
            }

            fn peek(&self, name: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
                let $this = self;
                ($inner).peek(name, nth)
            }

            fn usage(&self, name: &[u8]) -> Result<Vec<Usage>, AcquireError> {
                let $this = self;
                ($inner).usage(name)
            }

            fn count(&self) -> Result<u64, BucketError> {
                let $this = self;
                ($inner).count()
            }

            fn queued(&self) -> Result<u64, BucketError> {
                let $this = self;
                ($inner).queued()
            }

            fn flush(&self) -> Result<(), BucketError> {
                let $this = self;
                ($inner).flush()
            }

            fn leak(&self) -> Result<u64, BucketError> {
                let $this = self;
                ($inner).leak()
            }

            fn dispose(&self, name: &[u8]) -> Result<bool, AcquireError> {
                let $this = self;
                ($inner).dispose(name)
            }

            fn pause(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
                let $this = self;
                ($inner).pause(name, until)
            }

            fn resume(&self, name: Option<&[u8]>) -> Result<bool, PauseError> {
                let $this = self;
                ($inner).resume(name)
            }

            fn paused(&self, name: &[u8]) -> Result<Duration, BucketError> {
                let $this = self;
                ($inner).paused(name)
            }

            fn longest_pause(&self) -> Duration {
                let $this = self;
                ($inner).longest_pause()
            }

            fn rates(&self) -> Vec<Rate> {
                let $this = self;
                ($inner).rates()
            }

            fn queue(&self) -> u64 {
                let $this = self;
                ($inner).queue()
            }

            fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
                let $this = self;
                ($inner).set_rates(rates)
            }

            fn now(&self) -> Result<Timestamp, BucketError> {
                let $this = self;
                ($inner).now()
            }

            fn close(&self) -> Result<(), BucketError> {
                let $this = self;
                ($inner).close()
            }

            fn label(&self) -> String {
                let $this = self;
                ($inner).label()
            }
        }
    };
}

/// The same for async ones.
macro_rules! pass_on_as_async_bucket {
    ([$($generics:tt)*] $outer:ty, |$this:ident| $inner:expr) => {
        impl<$($generics)*> AsyncBucket for $outer {
            fn put<'a>(
                &'a self,
                item: Item<'a>,
                max_wait: Duration,
            ) -> Answer<'a, Result<Grant, AcquireError>> {
                let $this = self;
                ($inner).put(item, max_wait)
            }

            fn give_back<'a>(
                &'a self,
                name: &'a [u8],
                grant: &'a Grant,
                weight: u64,
            ) -> Answer<'a, Result<(), BucketError>> {
                let $this = self;
                ($inner).give_back(name, grant, weight)
            }

            fn look<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<(), AcquireError>> {
                let $this = self;
                ($inner).look(item)
            }

            fn waiting<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<Duration, AcquireError>> {
                let $this = self;
                ($inner).waiting(item)
            }

            fn peek<'a>(
                &'a self,
                name: &'a [u8],
                nth: u64,
            ) -> Answer<'a, Result<Option<Timestamp>, AcquireError>> {
                let $this = self;
                ($inner).peek(name, nth)
            }

            fn usage<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Vec<Usage>, AcquireError>> {
                let $this = self;
                ($inner).usage(name)
            }

            fn count(&self) -> Answer<'_, Result<u64, BucketError>> {
                let $this = self;
                ($inner).count()
            }

            fn queued(&self) -> Answer<'_, Result<u64, BucketError>> {
                let $this = self;
                ($inner).queued()
            }

            fn flush(&self) -> Answer<'_, Result<(), BucketError>> {
                let $this = self;
                ($inner).flush()
            }

            fn leak(&self) -> Answer<'_, Result<u64, BucketError>> {
                let $this = self;
                ($inner).leak()
            }

            fn dispose<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<bool, AcquireError>> {
                let $this = self;
                ($inner).dispose(name)
            }

            fn pause<'a>(
                &'a self,
                name: Option<&'a [u8]>,
                until: Timestamp,
            ) -> Answer<'a, Result<(), PauseError>> {
                let $this = self;
                ($inner).pause(name, until)
            }

            fn resume<'a>(
                &'a self,
                name: Option<&'a [u8]>,
            ) -> Answer<'a, Result<bool, PauseError>> {
                let $this = self;
                ($inner).resume(name)
            }

            fn paused<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Duration, BucketError>> {
                let $this = self;
                ($inner).paused(name)
            }

            fn longest_pause(&self) -> Duration {
                let $this = self;
                ($inner).longest_pause()
            }

            fn rates(&self) -> Vec<Rate> {
                let $this = self;
                ($inner).rates()
            }

            fn queue(&self) -> u64 {
                let $this = self;
                ($inner).queue()
            }

            fn set_rates<'a>(&'a self, rates: &'a [Rate]) -> Answer<'a, Result<(), SetRatesError>> {
                let $this = self;
                ($inner).set_rates(rates)
            }

            fn now(&self) -> Answer<'_, Result<Timestamp, BucketError>> {
                let $this = self;
                ($inner).now()
            }

            fn close(&self) -> Answer<'_, Result<(), BucketError>> {
                let $this = self;
                ($inner).close()
            }

            fn label(&self) -> String {
                let $this = self;
                ($inner).label()
            }
        }
    };
}

pub(crate) use pass_on_as_bucket;

pass_on_as_bucket!([B: Bucket + ?Sized] Box<B>, |this| **this);
pass_on_as_bucket!([B: Bucket + ?Sized] Arc<B>, |this| **this);
pass_on_as_bucket!([B: Bucket + ?Sized] &B, |this| **this);
pass_on_as_async_bucket!([B: AsyncBucket + ?Sized] Box<B>, |this| **this);
pass_on_as_async_bucket!([B: AsyncBucket + ?Sized] Arc<B>, |this| **this);
pass_on_as_async_bucket!([B: AsyncBucket + ?Sized] &B, |this| **this);
