//! What is asked of a limiter from async code: the twins of methods that would block where the
//! bucket is one that has to be awaited. Over rings, and over buckets that block, they do
//! what their twins do, in the thread that polls them.

#[cfg(feature = "tokio")]
use crate::bucket::AsyncBucket;
use crate::error::{AcquireError, BucketError, PauseError, SetRatesError};
#[cfg(feature = "tokio")]
use crate::ground::{Foreign, Ground};
use crate::limiter::Limiter;
use crate::rate::Rate;
use crate::timestamp::Timestamp;
use std::time::Duration;

/// Asks a limiter's bucket: an async one by the first question, in its own task, and others by the
/// second.
macro_rules! ask {
    ($limiter:expr, |$bucket:ident| $asked:expr, $here:expr) => {{
        #[cfg(feature = "tokio")]
        if let Ground::Other(Foreign::Async(blocking)) = $limiter.ground() {
            let question = move |$bucket: std::sync::Arc<dyn AsyncBucket>| async move { $asked };
            return blocking.ask(question).await;
        }
        $here
    }};
}

/// When a pause is to end.
#[derive(Clone, Copy)]
enum End {
    In(Duration),
    At(Timestamp),
}

impl Limiter {
    /// As [`pause`](Self::pause), for async code.
    ///
    /// # Errors
    ///
    /// See [`PauseError`].
    pub async fn pause_async(
        &self,
        name: impl AsRef<[u8]>,
        duration: Duration,
    ) -> Result<Timestamp, PauseError> {
        self.pause_later(Some(name.as_ref()), End::In(duration))
            .await
    }

    /// As [`pause_all`](Self::pause_all), for async code.
    ///
    /// # Errors
    ///
    /// See [`PauseError`].
    pub async fn pause_all_async(&self, duration: Duration) -> Result<Timestamp, PauseError> {
        self.pause_later(None, End::In(duration)).await
    }

    /// As [`pause_until`](Self::pause_until), for async code.
    ///
    /// # Errors
    ///
    /// See [`PauseError`].
    pub async fn pause_until_async(
        &self,
        name: impl AsRef<[u8]>,
        until: Timestamp,
    ) -> Result<(), PauseError> {
        let paused = self.pause_later(Some(name.as_ref()), End::At(until)).await;
        paused.map(drop)
    }

    /// As [`pause_all_until`](Self::pause_all_until), for async code.
    ///
    /// # Errors
    ///
    /// See [`PauseError`].
    pub async fn pause_all_until_async(&self, until: Timestamp) -> Result<(), PauseError> {
        self.pause_later(None, End::At(until)).await.map(drop)
    }

    /// As [`resume`](Self::resume), for async code.
    ///
    /// # Errors
    ///
    /// See [`PauseError`].
    pub async fn resume_async(&self, name: impl AsRef<[u8]>) -> Result<bool, PauseError> {
        let name = name.as_ref();
        let owned: Box<[u8]> = name.into();
        ask!(
            self,
            |bucket| bucket.resume(Some(&owned)).await,
            self.resume(name)
        )
    }

    /// As [`resume_all`](Self::resume_all), for async code.
    ///
    /// # Errors
    ///
    /// See [`PauseError`].
    pub async fn resume_all_async(&self) -> Result<bool, PauseError> {
        ask!(self, |bucket| bucket.resume(None).await, self.resume_all())
    }

    /// As [`set_rates`](Self::set_rates), for async code.
    ///
    /// # Errors
    ///
    /// See [`SetRatesError`].
    pub async fn set_rates_async(
        &self,
        rates: impl IntoIterator<Item = Rate>,
    ) -> Result<(), SetRatesError> {
        let rates: Vec<Rate> = rates.into_iter().collect();
        ask!(
            self,
            |bucket| bucket.set_rates(&rates).await,
            self.set_rates(rates)
        )
    }

    /// As [`waiting`](Self::waiting), for async code.
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub async fn waiting_async(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
    ) -> Result<Duration, AcquireError> {
        let name = name.as_ref();
        let owned: Box<[u8]> = name.into();
        ask!(
            self,
            |bucket| {
                let name = &owned;
                bucket.waiting(crate::Item { name, weight }).await
            },
            self.waiting(name, weight)
        )
    }

    /// As [`peek`](Self::peek), for async code.
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub async fn peek_async(
        &self,
        name: impl AsRef<[u8]>,
        nth: u64,
    ) -> Result<Option<Timestamp>, AcquireError> {
        let name = name.as_ref();
        let owned: Box<[u8]> = name.into();
        ask!(
            self,
            |bucket| bucket.peek(&owned, nth).await,
            self.peek(name, nth)
        )
    }

    /// As [`count`](Self::count), for async code.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub async fn count_async(&self) -> Result<u64, BucketError> {
        ask!(self, |bucket| bucket.count().await, self.count())
    }

    /// As [`queued`](Self::queued), for async code.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub async fn queued_async(&self) -> Result<u64, BucketError> {
        ask!(self, |bucket| bucket.queued().await, self.queued())
    }

    /// As [`now`](Self::now), for async code.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub async fn now_async(&self) -> Result<Timestamp, BucketError> {
        self.ground().now().await
    }

    /// As [`flush`](Self::flush), for async code.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub async fn flush_async(&self) -> Result<(), BucketError> {
        ask!(self, |bucket| bucket.flush().await, self.flush())
    }

    /// As [`leak`](Self::leak), for async code.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub async fn leak_async(&self) -> Result<u64, BucketError> {
        ask!(self, |bucket| bucket.leak().await, self.leak())
    }

    /// As [`dispose`](Self::dispose), for async code.
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    pub async fn dispose_async(&self, name: impl AsRef<[u8]>) -> Result<bool, AcquireError> {
        let name = name.as_ref();
        let owned: Box<[u8]> = name.into();
        ask!(
            self,
            |bucket| bucket.dispose(&owned).await,
            self.dispose(name)
        )
    }

    async fn pause_later(&self, name: Option<&[u8]>, end: End) -> Result<Timestamp, PauseError> {
        let until = self.pause_unheard(name, end).await?;
        #[cfg(feature = "tokio")]
        if matches!(self.ground(), Ground::Other(Foreign::Async(_))) {
            // The blocking twin tells of it itself.
            self.scope().paused(until);
        }
        Ok(until)
    }

    async fn pause_unheard(&self, name: Option<&[u8]>, end: End) -> Result<Timestamp, PauseError> {
        let owned: Option<Box<[u8]>> = name.map(Into::into);
        ask!(
            self,
            |bucket| {
                let until = match end {
                    End::In(duration) => bucket.now().await?.saturating_add(duration),
                    End::At(until) => until,
                };
                bucket.pause(owned.as_deref(), until).await?;
                Ok(until)
            },
            self.pause_by(name, |now| match end {
                End::In(duration) => now.saturating_add(duration),
                End::At(until) => until,
            })
        )
    }
}
