//! A bucket that blocks, for those who must not.

use super::words::*;
use crate::error::{BackendError, Outcome};
use std::fmt;
use std::sync::Arc;
use tokio::runtime::Handle;

/// A [`Bucket`] that is asked on tokio's threads for work that blocks, so that the tasks of
/// a runtime go on meanwhile. With feature `tokio`. As PyrateLimiter's `BucketAsyncWrapper`.
///
/// It is to be asked inside a tokio runtime, as
/// [`Limiter::over_async`](crate::Limiter::over_async) does. Rings in memory answer in a
/// fraction of the time that this takes: they are asked as they are.
#[derive(Clone)]
pub struct Offload(Arc<dyn Bucket>);

impl Offload {
    /// That bucket, on threads of its own.
    pub fn new(bucket: impl Bucket + 'static) -> Self {
        Self(Arc::new(bucket))
    }

    /// Asks it there.
    fn ask<'a, T: Send + 'static, E: From<BackendError> + Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Bucket) -> Result<T, E> + Send + 'static,
    ) -> Answer<'a, Result<T, E>> {
        let bucket = self.0.clone();
        Box::pin(async move {
            let failed = |outcome, error: Box<dyn std::error::Error + Send + Sync>| {
                BackendError::new("tokio's pool of threads", "ask the bucket", outcome, error)
            };
            let runtime =
                Handle::try_current().map_err(|error| failed(Outcome::Undone, error.into()))?;
            let answer = runtime.spawn_blocking(move || question(&*bucket)).await;
            answer.unwrap_or_else(|error| Err(failed(Outcome::Unknown, error.into()).into()))
        })
    }
}

impl AsyncBucket for Offload {
    fn put<'a>(
        &'a self,
        item: Item<'a>,
        max_wait: Duration,
    ) -> Answer<'a, Result<Grant, AcquireError>> {
        let (name, weight): (Box<[u8]>, _) = (item.name.into(), item.weight);
        self.ask(move |bucket| {
            let name = &name;
            bucket.put(Item { name, weight }, max_wait)
        })
    }

    fn give_back<'a>(
        &'a self,
        name: &'a [u8],
        grant: &'a Grant,
        weight: u64,
    ) -> Answer<'a, Result<(), BucketError>> {
        let (name, grant): (Box<[u8]>, _) = (name.into(), *grant);
        self.ask(move |bucket| bucket.give_back(&name, &grant, weight))
    }

    fn look<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<(), AcquireError>> {
        let (name, weight): (Box<[u8]>, _) = (item.name.into(), item.weight);
        self.ask(move |bucket| {
            let name = &name;
            bucket.look(Item { name, weight })
        })
    }

    fn waiting<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<Duration, AcquireError>> {
        let (name, weight): (Box<[u8]>, _) = (item.name.into(), item.weight);
        self.ask(move |bucket| {
            let name = &name;
            bucket.waiting(Item { name, weight })
        })
    }

    fn peek<'a>(
        &'a self,
        name: &'a [u8],
        nth: u64,
    ) -> Answer<'a, Result<Option<Timestamp>, AcquireError>> {
        let name: Box<[u8]> = name.into();
        self.ask(move |bucket| bucket.peek(&name, nth))
    }

    fn usage<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Vec<Usage>, AcquireError>> {
        let name: Box<[u8]> = name.into();
        self.ask(move |bucket| bucket.usage(&name))
    }

    fn count(&self) -> Answer<'_, Result<u64, BucketError>> {
        self.ask(|bucket| bucket.count())
    }

    fn queued(&self) -> Answer<'_, Result<u64, BucketError>> {
        self.ask(|bucket| bucket.queued())
    }

    fn flush(&self) -> Answer<'_, Result<(), BucketError>> {
        self.ask(|bucket| bucket.flush())
    }

    fn leak(&self) -> Answer<'_, Result<u64, BucketError>> {
        self.ask(|bucket| bucket.leak())
    }

    fn dispose<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<bool, AcquireError>> {
        let name: Box<[u8]> = name.into();
        self.ask(move |bucket| bucket.dispose(&name))
    }

    fn pause<'a>(
        &'a self,
        name: Option<&'a [u8]>,
        until: Timestamp,
    ) -> Answer<'a, Result<(), PauseError>> {
        let name: Option<Box<[u8]>> = name.map(Into::into);
        self.ask(move |bucket| bucket.pause(name.as_deref(), until))
    }

    fn resume<'a>(&'a self, name: Option<&'a [u8]>) -> Answer<'a, Result<bool, PauseError>> {
        let name: Option<Box<[u8]>> = name.map(Into::into);
        self.ask(move |bucket| bucket.resume(name.as_deref()))
    }

    fn paused<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Duration, BucketError>> {
        let name: Box<[u8]> = name.into();
        self.ask(move |bucket| bucket.paused(&name))
    }

    fn longest_pause(&self) -> Duration {
        self.0.longest_pause()
    }

    fn rates(&self) -> Vec<Rate> {
        self.0.rates()
    }

    fn queue(&self) -> u64 {
        self.0.queue()
    }

    fn set_rates<'a>(&'a self, rates: &'a [Rate]) -> Answer<'a, Result<(), SetRatesError>> {
        let rates = rates.to_vec();
        self.ask(move |bucket| bucket.set_rates(&rates))
    }

    fn now(&self) -> Answer<'_, Result<Timestamp, BucketError>> {
        self.ask(|bucket| bucket.now())
    }

    fn close(&self) -> Answer<'_, Result<(), BucketError>> {
        self.ask(|bucket| bucket.close())
    }

    fn label(&self) -> String {
        self.0.label()
    }
}

impl fmt::Debug for Offload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Offload").field(&self.0.label()).finish()
    }
}
