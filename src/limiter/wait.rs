//! Taking permits when their turn has come.

use crate::error::AcquireError;
use crate::limiter::Limiter;
use crate::turn::permit::Permit;
use crate::turn::place::Place;
use crate::turn::reservation::Reservation;
use std::time::Duration;

impl Limiter {
    /// Takes one permit, waiting for its turn: first come, first served, across all
    /// processes. The call sleeps once, and wakes when its turn has come.
    ///
    /// # Errors
    ///
    /// [`AcquireError::QueueFull`] if too many wait already; [`AcquireError::Limited`]
    /// if its turn is beyond the bucket's horizon: the time that a full queue takes,
    /// and a day.
    pub fn acquire(&self, name: impl AsRef<[u8]>) -> Result<Permit<'_>, AcquireError> {
        self.acquire_n(name, 1)
    }

    /// Takes `weight` permits, waiting for its turn: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and [`AcquireError::WeightTooLarge`].
    pub fn acquire_n(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
    ) -> Result<Permit<'_>, AcquireError> {
        self.acquire_timeout(name, weight, Duration::MAX)
    }

    /// Takes `weight` permits, waiting for its turn if that comes within `timeout`. If
    /// it does not, the call fails at once, and takes nothing.
    ///
    /// # Errors
    ///
    /// As [`acquire_n`](Self::acquire_n).
    pub fn acquire_timeout(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        timeout: Duration,
    ) -> Result<Permit<'_>, AcquireError> {
        let name = name.as_ref();
        let mut place = Place::take(self, name, weight, timeout)?;
        place.wait(name)?;
        Ok(place.hand_over())
    }

    /// Takes `weight` permits, waiting for its turn by whatever can sleep: see
    /// [`Reservation::wait_with`]. Dropping the future gives the place back.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    pub async fn acquire_with<F: Future>(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        timeout: Duration,
        sleep: impl FnMut(Duration) -> F,
    ) -> Result<Permit<'_>, AcquireError> {
        let name = name.as_ref();
        let place = Place::take(self, name, weight, timeout)?;
        match place.waits() {
            true => Reservation::new(name, place).wait_with(sleep).await,
            // There is no await at which it could be dropped.
            false => Ok(place.hand_over()),
        }
    }

    /// Reserves `weight` permits, if their turn comes within `max_wait`, and does not wait
    /// for it. If it does not come so soon, the call takes nothing.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    pub fn reserve(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        max_wait: Duration,
    ) -> Result<Reservation<'_>, AcquireError> {
        let name = name.as_ref();
        let place = Place::take(self, name, weight, max_wait)?;
        Ok(Reservation::new(name, place))
    }
}
