//! Charging for what has been done already.

use crate::bucket::Item;
use crate::error::{AcquireError, DebitError};
use crate::limiter::Limiter;
use crate::rate::Rate;
use std::time::Duration;

impl Limiter {
    /// Charges `weight` permits, and does not wait: for costs that are known only
    /// afterwards. What the rates do not allow now is reserved ahead, and those who come
    /// later wait for it, or are refused. Returns how long that is.
    ///
    /// It may be more than a limit, and is charged bit by bit then: others can come in
    /// between. The [queue](crate::Builder::queue) bounds it, as it bounds those who wait.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate::{Limiter, Rate};
    ///
    /// let tokens = Limiter::in_memory().rate(Rate::per_minute(1000)).open()?;
    /// let owed = tokens.debit("model", 1500)?; // in a minute the last 500 are paid
    /// assert!(owed > Duration::from_secs(59));
    /// assert!(tokens.try_acquire("model").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`DebitError`], which says how much was charged.
    pub fn debit(&self, name: impl AsRef<[u8]>, weight: u64) -> Result<Duration, DebitError> {
        let name = name.as_ref();
        let debit = async { Ok::<_, AcquireError>(self.debit_async(name, weight).await) };
        self.ground()
            .block_on(debit)
            .unwrap_or_else(|error| Err(partly(weight, 0, error)))
    }

    /// The same for async code: over an async bucket it blocks no thread. A future that is dropped
    /// has charged a part, or all.
    ///
    /// # Errors
    ///
    /// As [`debit`](Self::debit).
    pub async fn debit_async(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
    ) -> Result<Duration, DebitError> {
        let name = name.as_ref();
        let bucket = self.as_bucket();
        let mut smallest = smallest_limit(&bucket.rates());
        let most = smallest.saturating_add(bucket.queue());
        if weight > most {
            return Err(DebitError::TooMuch { weight, most });
        }
        let (mut charged, mut owed) = (0, Duration::ZERO);
        while charged < weight {
            let part = smallest.min(weight - charged);
            let item = Item { name, weight: part };
            match self.ground().put(item, Duration::MAX).await {
                Ok(grant) => (charged, owed) = (charged + part, grant.wait),
                // The rates have changed on the way.
                Err(AcquireError::WeightTooLarge { rate, .. }) if rate.limit() < smallest => {
                    smallest = rate.limit();
                }
                Err(error) => return Err(partly(weight, charged, error)),
            }
        }
        Ok(owed)
    }
}

fn partly(weight: u64, charged: u64, error: AcquireError) -> DebitError {
    DebitError::Partly {
        weight,
        charged,
        error,
    }
}

fn smallest_limit(rates: &[Rate]) -> u64 {
    rates.iter().map(Rate::limit).min().unwrap_or(0)
}
