//! Waiting on tokio's timer.

use crate::error::AcquireError;
use crate::limiter::Limiter;
use crate::turn::permit::Permit;
use crate::turn::reservation::Reservation;
use std::time::Duration;
use tokio::time::sleep;

/// With feature `tokio`. Nothing here blocks a thread.
impl Limiter {
    /// Takes one permit, waiting for its turn on tokio's timer: first come, first served,
    /// among tasks, threads and processes alike. Dropping the future gives the place back.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tidegate::{Limiter, Rate};
    ///
    /// let limiter = Limiter::in_memory().rate(Rate::per_second(100)).open()?;
    /// limiter.acquire_async("example.com").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_async(&self, name: impl AsRef<[u8]>) -> Result<Permit<'_>, AcquireError> {
        self.acquire_timeout_async(name, 1, Duration::MAX).await
    }

    /// Takes `weight` permits, waiting for its turn on tokio's timer, if that comes within
    /// `timeout`. If it does not, the call fails at once, and takes nothing.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    pub async fn acquire_timeout_async(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        timeout: Duration,
    ) -> Result<Permit<'_>, AcquireError> {
        self.acquire_with(name, weight, timeout, sleep).await
    }
}

impl<'l> Reservation<'l> {
    /// As [`wait`](Self::wait), on tokio's timer, with feature `tokio`. Dropping the future
    /// gives the place back.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub async fn wait_async(self) -> Result<Permit<'l>, AcquireError> {
        self.wait_with(sleep).await
    }
}
