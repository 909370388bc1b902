//! Taking permits when their turn has come.

use crate::error::AcquireError;
use crate::ground::Ground;
use crate::limiter::Limiter;
use crate::turn::manners::ticks;
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
        let mut place = match self.ground() {
            Ground::Zone(rings) if !self.is_dry() => {
                match self.queue_up_here(rings, name, weight, ticks(timeout)) {
                    // Mostly: there is no place to wait in.
                    Ok(queued) if !queued.permit.run().waits() => return self.grant(queued.permit),
                    queued => Place::queued(self, name, queued, ticks(timeout))?,
                }
            }
            _ => self.take_place(name, weight, timeout)?,
        };
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
        let place = Place::take(self, name, weight, timeout).await?;
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
        let place = self.take_place(name, weight, max_wait)?;
        Ok(Reservation::new(name, place))
    }

    /// Queues up, blocking the thread where a bucket has to be awaited.
    fn take_place(
        &self,
        name: &[u8],
        weight: u64,
        timeout: Duration,
    ) -> Result<Place<'_>, AcquireError> {
        let ground = self.ground();
        match ground.attached() {
            Some(rings) => Place::take_here(self, rings, name, weight, timeout),
            None => ground.block_on(Place::take(self, name, weight, timeout)),
        }
    }

    /// The same for async code: over an async bucket it blocks no thread. Dropping the future
    /// gives the place back.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    pub async fn reserve_async(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
        max_wait: Duration,
    ) -> Result<Reservation<'_>, AcquireError> {
        let name = name.as_ref();
        let place = Place::take(self, name, weight, max_wait).await?;
        Ok(Reservation::new(name, place))
    }

    /// Takes one permit, if that is possible now, for async code: over an async bucket it
    /// blocks no thread.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub async fn try_acquire_async(
        &self,
        name: impl AsRef<[u8]>,
    ) -> Result<Permit<'_>, AcquireError> {
        self.try_acquire_n_async(name, 1).await
    }

    /// Takes `weight` permits, if that is possible now, for async code: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`try_acquire_n`](Self::try_acquire_n).
    pub async fn try_acquire_n_async(
        &self,
        name: impl AsRef<[u8]>,
        weight: u64,
    ) -> Result<Permit<'_>, AcquireError> {
        match self.first_zone() {
            Some(_) => self.try_acquire_n(name, weight),
            None => self.take_if_ready(name.as_ref(), weight).await,
        }
    }
}
