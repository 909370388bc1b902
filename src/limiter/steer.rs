//! Steering a limiter while it runs: pauses, rates that change, forgetting.

use crate::error::{BucketError, PauseError, SetRatesError};
use crate::limiter::Limiter;
use crate::rate::Rate;
use crate::timestamp::Timestamp;
use std::time::Duration;

impl Limiter {
    /// Grants nothing to that key for so long, to no process, not to those who wait either: a
    /// cool-down, as for an HTTP server that has answered `Retry-After`. A longer pause
    /// that is on already stays. Without [`keys`](crate::Builder::keys) all names are one.
    ///
    /// At its end at most as many go as the rates allow at once: who woke within it has
    /// queued again. Returns the end.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate::{Limiter, Rate};
    ///
    /// let hosts = Limiter::in_memory().rate(Rate::per_second(5)).keys(100).open()?;
    /// hosts.pause("example.com", Duration::from_secs(30))?;
    /// assert!(hosts.try_acquire("example.com").is_err());
    /// hosts.try_acquire("example.org")?;
    /// hosts.resume("example.com")?;
    /// hosts.try_acquire("example.com")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`PauseError`]. [`longest_pause`](Self::longest_pause) is always possible.
    pub fn pause(
        &self,
        name: impl AsRef<[u8]>,
        duration: Duration,
    ) -> Result<Timestamp, PauseError> {
        self.pause_by(Some(name.as_ref()), |now| now.saturating_add(duration))
    }

    /// The same until an instant on the limiter's clock.
    ///
    /// # Errors
    ///
    /// See [`PauseError`].
    pub fn pause_until(&self, name: impl AsRef<[u8]>, until: Timestamp) -> Result<(), PauseError> {
        self.pause_by(Some(name.as_ref()), |_| until).map(|_| ())
    }

    /// Grants nothing to anybody for so long, whatever the key. Returns the end.
    ///
    /// # Errors
    ///
    /// See [`PauseError`].
    pub fn pause_all(&self, duration: Duration) -> Result<Timestamp, PauseError> {
        self.pause_by(None, |now| now.saturating_add(duration))
    }

    /// The same until an instant on the limiter's clock.
    ///
    /// # Errors
    ///
    /// See [`PauseError`].
    pub fn pause_all_until(&self, until: Timestamp) -> Result<(), PauseError> {
        self.pause_by(None, |_| until).map(|_| ())
    }

    /// Ends that key's pause; whether there was one. Those who wait behind it notice within
    /// a tenth of a second, and queue again, in no order; until they have, newcomers are
    /// behind them. A pause of all stays.
    ///
    /// What is not waited for keeps its time behind the pause, and those who come later
    /// keep behind it: [debits](Self::debit), [kept](crate::Reservation::keep) reservations,
    /// and what a killed process had reserved in the pause.
    ///
    /// # Errors
    ///
    /// [`PauseError::Acquire`].
    pub fn resume(&self, name: impl AsRef<[u8]>) -> Result<bool, PauseError> {
        self.as_bucket().resume(Some(name.as_ref()))
    }

    /// Ends the pause of all; whether there was one. Pauses of single keys stay.
    ///
    /// # Errors
    ///
    /// [`PauseError::Acquire`].
    pub fn resume_all(&self) -> Result<bool, PauseError> {
        self.as_bucket().resume(None)
    }

    /// The longest pause that is possible: as long as a full queue takes, and a day; at
    /// most eight years.
    pub fn longest_pause(&self) -> Duration {
        self.as_bucket().longest_pause()
    }

    /// Pauses a name, or all, until the instant that follows from the time on its clock.
    pub(super) fn pause_by(
        &self,
        name: Option<&[u8]>,
        until: impl Fn(Timestamp) -> Timestamp,
    ) -> Result<Timestamp, PauseError> {
        let until = match self.ground().attached() {
            Some(attached) => attached.pause_by(name, until)?,
            None => {
                let bucket = self.as_bucket();
                let until = until(bucket.now()?);
                bucket.pause(name, until)?;
                until
            }
        };
        self.scope().paused(until);
        Ok(until)
    }

    /// Puts other rates in force, for all who use the limiter, from their next call on: each
    /// request that is made after this is judged by them, also by what was granted before.
    /// Those who wait already keep their times. The largest limit and the queue must fit
    /// the [capacity](crate::Builder::capacity).
    ///
    /// Each change costs every handle that meets it a few hundred bytes, until it is dropped.
    ///
    /// ```
    /// use tidegate::{Limiter, Rate};
    ///
    /// let limiter = Limiter::in_memory().rate(Rate::per_minute(2)).open()?;
    /// limiter.try_acquire_n("job", 2)?;
    /// limiter.set_rates([Rate::per_minute(5)])?;
    /// limiter.try_acquire_n("job", 3)?;
    /// assert!(limiter.try_acquire("job").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`SetRatesError`]. The rates are as they were.
    pub fn set_rates(&self, rates: impl IntoIterator<Item = Rate>) -> Result<(), SetRatesError> {
        let rates: Vec<Rate> = rates.into_iter().collect();
        self.as_bucket().set_rates(&rates)
    }

    /// Forgets all permits: the next requests find empty buckets. Those who wait
    /// already keep their times.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn flush(&self) -> Result<(), BucketError> {
        self.as_bucket().flush()
    }

    /// Forgets permits that count in no window any more; how many. No limit depends on
    /// it: see [`Leaker`](crate::Leaker).
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn leak(&self) -> Result<u64, BucketError> {
        self.as_bucket().leak()
    }
}
