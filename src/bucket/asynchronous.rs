//! Buckets that are asked by async code.

use super::default_queue;
use super::item::{Grant, Item, Usage};
use super::tally::Search;
use crate::error::{AcquireError, BucketError, PauseError, SetRatesError};
use crate::rate::Rate;
use crate::timestamp::Timestamp;
use std::pin::Pin;
use std::time::Duration;

/// An answer that has to be awaited.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A bucket that does not block the thread that asks it. It promises what
/// [`Bucket`](crate::Bucket) does, and its methods mean the same; those that ask no store answer
/// at once.
///
/// A future that is dropped before it has ended may have done its work or not. A limiter
/// does not drop any: who stops waiting for an answer leaves it to the task that the bucket
/// is asked by, which gives back what nobody waits for any more.
///
/// ```
/// use std::time::Duration;
/// use tidegate::{AcquireError, Answer, AsyncBucket, Bucket, Grant, Item};
/// # use tidegate::{BucketError, Rate, Timestamp};
/// # fn nowhere<'a, T: Send + 'a>() -> Answer<'a, T> { Box::pin(std::future::pending()) }
///
/// struct Remote;
///
/// impl Remote {
///     async fn take(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
///         // Asks the server.
/// #       std::future::pending().await
///     }
/// }
///
/// impl AsyncBucket for Remote {
///     fn put<'a>(
///         &'a self,
///         item: Item<'a>,
///         max_wait: Duration,
///     ) -> Answer<'a, Result<Grant, AcquireError>> {
///         Box::pin(self.take(item, max_wait))
///     }
///     // And so on.
/// #   fn give_back<'a>(&'a self, _: &'a [u8], _: &'a Grant, _: u64) -> Answer<'a, Result<(), BucketError>> { nowhere() }
/// #   fn look<'a>(&'a self, _: Item<'a>) -> Answer<'a, Result<(), AcquireError>> { nowhere() }
/// #   fn peek<'a>(&'a self, _: &'a [u8], _: u64) -> Answer<'a, Result<Option<Timestamp>, AcquireError>> { nowhere() }
/// #   fn count(&self) -> Answer<'_, Result<u64, BucketError>> { nowhere() }
/// #   fn flush(&self) -> Answer<'_, Result<(), BucketError>> { nowhere() }
/// #   fn rates(&self) -> Vec<Rate> { vec![Rate::per_second(5)] }
/// #   fn now(&self) -> Answer<'_, Result<Timestamp, BucketError>> { nowhere() }
/// }
/// ```
pub trait AsyncBucket: Send + Sync {
    /// See [`Bucket::put`](crate::Bucket::put).
    fn put<'a>(
        &'a self,
        item: Item<'a>,
        max_wait: Duration,
    ) -> Answer<'a, Result<Grant, AcquireError>>;

    /// See [`Bucket::give_back`](crate::Bucket::give_back).
    fn give_back<'a>(
        &'a self,
        name: &'a [u8],
        grant: &'a Grant,
        weight: u64,
    ) -> Answer<'a, Result<(), BucketError>>;

    /// See [`Bucket::look`](crate::Bucket::look).
    fn look<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<(), AcquireError>>;

    /// See [`Bucket::waiting`](crate::Bucket::waiting).
    fn waiting<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<Duration, AcquireError>> {
        Box::pin(async move {
            match self.look(item).await {
                Ok(()) => Ok(Duration::ZERO),
                Err(AcquireError::Limited { retry_after, .. }) => Ok(retry_after),
                Err(error) => Err(error),
            }
        })
    }

    /// See [`Bucket::peek`](crate::Bucket::peek).
    fn peek<'a>(
        &'a self,
        name: &'a [u8],
        nth: u64,
    ) -> Answer<'a, Result<Option<Timestamp>, AcquireError>>;

    /// See [`Bucket::usage`](crate::Bucket::usage).
    fn usage<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Vec<Usage>, AcquireError>> {
        Box::pin(async move {
            let now = self.now().await?;
            let mut usages = Vec::new();
            for rate in self.rates() {
                let mut search = Search::new(rate, now);
                while let Some(nth) = search.asks() {
                    search.learns(nth, self.peek(name, nth).await?);
                }
                usages.push(search.finds());
            }
            Ok(usages)
        })
    }

    /// See [`Bucket::count`](crate::Bucket::count).
    fn count(&self) -> Answer<'_, Result<u64, BucketError>>;

    /// See [`Bucket::queued`](crate::Bucket::queued).
    fn queued(&self) -> Answer<'_, Result<u64, BucketError>> {
        Box::pin(async {
            Err(BucketError::Unsupported {
                what: "how many permits are waited for",
            })
        })
    }

    /// See [`Bucket::flush`](crate::Bucket::flush).
    fn flush(&self) -> Answer<'_, Result<(), BucketError>>;

    /// See [`Bucket::leak`](crate::Bucket::leak).
    fn leak(&self) -> Answer<'_, Result<u64, BucketError>> {
        Box::pin(async { Ok(0) })
    }

    /// See [`Bucket::dispose`](crate::Bucket::dispose).
    fn dispose<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<bool, AcquireError>> {
        let _ = name;
        Box::pin(async { Ok(false) })
    }

    /// See [`Bucket::pause`](crate::Bucket::pause).
    fn pause<'a>(
        &'a self,
        name: Option<&'a [u8]>,
        until: Timestamp,
    ) -> Answer<'a, Result<(), PauseError>> {
        let _ = (name, until);
        Box::pin(async { Err(PauseError::Unsupported) })
    }

    /// See [`Bucket::resume`](crate::Bucket::resume).
    fn resume<'a>(&'a self, name: Option<&'a [u8]>) -> Answer<'a, Result<bool, PauseError>> {
        let _ = name;
        Box::pin(async { Ok(false) })
    }

    /// See [`Bucket::paused`](crate::Bucket::paused).
    fn paused<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Duration, BucketError>> {
        let _ = name;
        Box::pin(async { Ok(Duration::ZERO) })
    }

    /// See [`Bucket::longest_pause`](crate::Bucket::longest_pause).
    fn longest_pause(&self) -> Duration {
        Duration::ZERO
    }

    /// See [`Bucket::rates`](crate::Bucket::rates).
    fn rates(&self) -> Vec<Rate>;

    /// See [`Bucket::queue`](crate::Bucket::queue).
    fn queue(&self) -> u64 {
        default_queue(&self.rates())
    }

    /// See [`Bucket::set_rates`](crate::Bucket::set_rates).
    fn set_rates<'a>(&'a self, rates: &'a [Rate]) -> Answer<'a, Result<(), SetRatesError>> {
        let _ = rates;
        Box::pin(async { Err(SetRatesError::Fixed) })
    }

    /// See [`Bucket::now`](crate::Bucket::now).
    fn now(&self) -> Answer<'_, Result<Timestamp, BucketError>>;

    /// See [`Bucket::close`](crate::Bucket::close).
    fn close(&self) -> Answer<'_, Result<(), BucketError>> {
        Box::pin(async { Ok(()) })
    }

    /// See [`Bucket::label`](crate::Bucket::label).
    fn label(&self) -> String {
        "bucket".into()
    }
}
