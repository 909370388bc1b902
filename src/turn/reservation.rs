//! A place in the queue that its holder has in hand: to wait for, to keep, or to give back.

use crate::error::AcquireError;
use crate::timestamp::Timestamp;
use crate::turn::permit::Permit;
use crate::turn::place::Place;
use std::process;
use std::time::Duration;

/// Permits that are reserved for [`ready_at`](Self::ready_at), which may have come already.
/// Dropped, it gives its place back, unless it was waited for or [kept](Self::keep).
///
/// The place is of the process that reserved it. A forked child has a copy, which gives
/// nothing back, and takes a place of its own when it is waited for.
///
/// ```
/// use std::time::Duration;
/// use tidegate::{Limiter, Rate};
///
/// let limiter = Limiter::in_memory().rate(Rate::per_second(100)).open()?;
/// limiter.try_acquire_n("job", 100)?;
/// let place = limiter.reserve("job", 1, Duration::from_secs(5))?;
/// assert!(place.ready_at() > limiter.now()?);
/// let permit = place.wait()?;
/// assert!(permit.at() <= limiter.now()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropped, it gives its place back"]
pub struct Reservation<'l> {
    /// To queue again by.
    name: Box<[u8]>,
    place: Place<'l>,
    /// The process that the place is of.
    process: u32,
    /// Whether the place is still to be given back when this is dropped.
    is_held: bool,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.is_held && self.process == process::id() {
            self.place.give_back();
        }
    }
}

impl<'l> Reservation<'l> {
    pub(crate) fn new(name: &[u8], place: Place<'l>) -> Self {
        Self {
            name: name.into(),
            place,
            process: process::id(),
            is_held: true,
        }
    }

    /// The instant from which on its holder may go, on the limiter's clock.
    pub fn ready_at(&self) -> Timestamp {
        self.place.ready_at()
    }

    /// How long that is from now on; zero if it has come.
    pub fn waiting(&self) -> Duration {
        self.place.waiting()
    }

    /// How many permits are reserved.
    pub fn weight(&self) -> u64 {
        self.place.weight()
    }

    /// Waits for the turn, in one sleep. Who wakes inside a pause, or late, queues again,
    /// within the time that the reservation was willing to wait. What was ready when it was
    /// reserved is a permit: there is nothing to wait for.
    ///
    /// # Errors
    ///
    /// See [`AcquireError`]: if it had to queue again, and the next turn comes too late. The
    /// place is given back.
    pub fn wait(mut self) -> Result<Permit<'l>, AcquireError> {
        let ground = self.place.ground();
        ground.block_on(self.own())?;
        self.place.wait(&self.name)?;
        Ok(self.keep())
    }

    /// The same for whatever can sleep: `sleep` returns a future that ends after that time
    /// or later, as `tokio::time::sleep` and the timers of other runtimes do. Dropping
    /// the future gives the place back.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use tidegate::{Limiter, Rate};
    ///
    /// let limiter = Limiter::in_memory().rate(Rate::per_second(5)).open()?;
    /// let place = limiter.reserve("job", 1, Duration::from_secs(5))?;
    /// let permit = place.wait_with(async |time| { smol::Timer::after(time).await; }).await?;
    /// # drop(permit);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub async fn wait_with<F: Future>(
        mut self,
        sleep: impl FnMut(Duration) -> F,
    ) -> Result<Permit<'l>, AcquireError> {
        self.own().await?;
        self.place.wait_with(&self.name, sleep).await?;
        Ok(self.keep())
    }

    /// The same for those who sleep by neither a thread of ours nor a future: another language's
    /// event loop, or a thread that signals may interrupt. Says how long to sleep now, and then
    /// to ask again; none: its turn has come, and [`keep`](Self::keep) is the permit. Until then,
    /// dropping it gives the place back.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate::{Limiter, Rate};
    ///
    /// let limiter = Limiter::in_memory().rate(Rate::per_second(100)).open()?;
    /// limiter.try_acquire_n("job", 100)?;
    /// let mut place = limiter.reserve("job", 1, Duration::from_secs(5))?;
    /// while let Some(time) = place.next_sleep()? {
    ///     std::thread::sleep(time); // or less, if there is something else to look after
    /// }
    /// let permit = place.keep();
    /// assert!(permit.at() <= limiter.now()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn next_sleep(&mut self) -> Result<Option<Duration>, AcquireError> {
        let ground = self.place.ground();
        ground.block_on(async {
            self.own().await?;
            self.place.next_nap(&self.name).await
        })
    }

    /// In a forked child, takes a place instead of its parent's.
    async fn own(&mut self) -> Result<(), AcquireError> {
        let here = process::id();
        if self.process != here {
            self.place.take_another(&self.name).await?;
            self.process = here;
        }
        Ok(())
    }

    /// The permit, not waited for: whoever keeps it goes at [`ready_at`](Self::ready_at) by
    /// other means, and looks out for pauses.
    pub fn keep(mut self) -> Permit<'l> {
        self.is_held = false;
        self.place.hand_over()
    }

    /// Gives the place back, as dropping does. Those who wait behind it keep their times.
    pub fn cancel(self) {}
}
