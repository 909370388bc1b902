//! Charging for what has been done already.

use crate::error::DebitError;
use crate::limiter::Limiter;
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
        let partly = |charged, error| DebitError::Partly {
            weight,
            charged,
            error,
        };
        let zone = self.up_to_date().map_err(|error| partly(0, error.into()))?;
        let plan = zone.plan();
        let most = plan.smallest_limit().saturating_add(plan.queue);
        if weight > most {
            return Err(DebitError::TooMuch { weight, most });
        }
        let mut charged = 0;
        let mut owed = 0;
        while charged < weight {
            let left = weight - charged;
            let (part, run) = self
                .ask(name, left, |bucket| {
                    // The rates may change on the way.
                    let part = left.min(bucket.plan().smallest_limit());
                    Ok((part, bucket.reserve(part, u64::MAX)?))
                })
                .map_err(|error| partly(charged, error))?;
            charged += part;
            owed = run.ready.saturating_sub(run.asked);
        }
        Ok(Duration::from_micros(owed))
    }
}
