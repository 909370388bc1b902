//! The same for async code: what is asked of a limiter, and is awaited over an async bucket.
//! Over any other bucket it is asked in the thread that polls.

use crate::bucket::{Item, Usage};
use crate::error::{AcquireError, BucketError, PauseError, SetRatesError};
use crate::ground::asked;
use crate::limiter::Limiter;
use crate::rate::Rate;
use crate::timestamp::Timestamp;
use std::time::Duration;

/// For async code: over an async bucket none of these blocks a thread.
impl Limiter {
    /// See [`waiting`](Self::waiting).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn waiting_async(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
    ) -> Result<Duration, AcquireError> {
        let name: Box<[u8]> = name.as_ref().into();
        asked!(self.ground(), |bucket| bucket.waiting(Item {
            name: &name,
            weight
        }))
    }

    /// See [`peek`](Self::peek).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn peek_async(
        &self,
        name: impl AsRef<[u8]>,
        nth: u64,
    ) -> Result<Option<Timestamp>, AcquireError> {
        let name: Box<[u8]> = name.as_ref().into();
        asked!(self.ground(), |bucket| bucket.peek(&name, nth))
    }

    /// See [`usage`](Self::usage).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn usage_async(&self, name: impl AsRef<[u8]>) -> Result<Vec<Usage>, AcquireError> {
        let name: Box<[u8]> = name.as_ref().into();
        asked!(self.ground(), |bucket| bucket.usage(&name))
    }

    /// See [`count`](Self::count).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn count_async(&self) -> Result<u64, BucketError> {
        asked!(self.ground(), |bucket| bucket.count())
    }

    /// See [`queued`](Self::queued).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn queued_async(&self) -> Result<u64, BucketError> {
        asked!(self.ground(), |bucket| bucket.queued())
    }

    /// See [`now`](Self::now).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn now_async(&self) -> Result<Timestamp, BucketError> {
        self.ground().now().await
    }

    /// See [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn flush_async(&self) -> Result<(), BucketError> {
        asked!(self.ground(), |bucket| bucket.flush())
    }

    /// See [`leak`](Self::leak).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn leak_async(&self) -> Result<u64, BucketError> {
        asked!(self.ground(), |bucket| bucket.leak())
    }

    /// See [`dispose`](Self::dispose).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn dispose_async(&self, name: impl AsRef<[u8]>) -> Result<bool, AcquireError> {
        let name: Box<[u8]> = name.as_ref().into();
        asked!(self.ground(), |bucket| bucket.dispose(&name))
    }

    /// See [`pause`](Self::pause).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn pause_async(
        &self,
        name: impl AsRef<[u8]>,
        duration: Duration,
    ) -> Result<Timestamp, PauseError> {
        self.pause_for(Some(name.as_ref()), duration).await
    }

    /// See [`pause_until`](Self::pause_until).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn pause_until_async(
        &self,
        name: impl AsRef<[u8]>,
        until: Timestamp,
    ) -> Result<(), PauseError> {
        self.pause_till(Some(name.as_ref()), until).await
    }

    /// See [`pause_all`](Self::pause_all).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn pause_all_async(&self, duration: Duration) -> Result<Timestamp, PauseError> {
        self.pause_for(None, duration).await
    }

    /// See [`pause_all_until`](Self::pause_all_until).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn pause_all_until_async(&self, until: Timestamp) -> Result<(), PauseError> {
        self.pause_till(None, until).await
    }

    /// See [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn resume_async(&self, name: impl AsRef<[u8]>) -> Result<bool, PauseError> {
        let name: Box<[u8]> = name.as_ref().into();
        asked!(self.ground(), |bucket| bucket.resume(Some(&name)))
    }

    /// See [`resume_all`](Self::resume_all).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn resume_all_async(&self) -> Result<bool, PauseError> {
        asked!(self.ground(), |bucket| bucket.resume(None))
    }

    /// See [`set_rates`](Self::set_rates).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn set_rates_async(
        &self,
        rates: impl IntoIterator<Item = Rate>,
    ) -> Result<(), SetRatesError> {
        let rates: Vec<Rate> = rates.into_iter().collect();
        asked!(self.ground(), |bucket| bucket.set_rates(&rates))
    }

    async fn pause_for(
        &self,
        name: Option<&[u8]>,
        duration: Duration,
    ) -> Result<Timestamp, PauseError> {
        if self.ground().attached().is_some() {
            return self.pause_by(name, |now| now.saturating_add(duration));
        }
        let until = self.ground().now().await?.saturating_add(duration);
        self.pause_till(name, until).await?;
        Ok(until)
    }

    async fn pause_till(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
        self.put_pause(name, until).await?;
        self.scope().paused(until);
        Ok(())
    }

    async fn put_pause(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
        let name: Option<Box<[u8]>> = name.map(Into::into);
        asked!(self.ground(), |bucket| bucket.pause(name.as_deref(), until))
    }
}
