//! What a limiter stands on: a bucket that keeps the log of its permits, and says yes or no.
//!
//! [`Limiter`](crate::Limiter) works over any of them. Those of this crate live in a segment
//! that processes share, or in memory; others may bring their own, in a file, a database or a
//! server, and have the conformance suite judge it.

mod asynchronous;
pub mod block;
#[cfg(feature = "tokio")]
mod blocking;
#[cfg(feature = "tokio")]
mod home;
mod item;
#[cfg(feature = "tokio")]
mod offload;
mod passed_on;
mod tally;

use crate::error::{AcquireError, BucketError, PauseError, SetRatesError};
use crate::rate::Rate;
use crate::spec::DEFAULT_QUEUE;
use crate::timestamp::Timestamp;
pub use asynchronous::{Answer, AsyncBucket};
#[cfg(feature = "tokio")]
pub use blocking::Blocking;
#[cfg(feature = "postgres")]
pub use home::Home;
pub use item::{Grant, Item, Usage};
#[cfg(feature = "tokio")]
pub use offload::Offload;
pub(crate) use passed_on::{pass_on_as_bucket, words};
use std::time::Duration;

/// A log of permits, in which those who ask are judged one after the other.
///
/// # What a bucket promises
///
/// 1. For each rate (limit L, interval I), in every half-open window of length I on the
///    bucket's own clock, the weights whose instants ([`Grant::at`]) are in it sum to L at
///    most; since the last flush, disposal or change of rates.
/// 2. All rates are judged, and all permits taken, in one atomic step: of what
///    [`put`](Self::put) asks for, all is taken, or nothing.
/// 3. Instants never decrease in the order in which the bucket gives them: so nobody
///    overtakes those who wait.
/// 4. It refuses only while granting would break these promises. That others are busy is
///    never told as being limited, and neither is a failure: that is a [`BackendError`]
///    in [`BucketError::Backend`], which says whether it is known that nothing was taken.
/// 5. Nothing sleeps in here longer than the store takes to answer: waiting is the limiter's
///    part.
///
/// A bucket may keep the names apart, each with the whole of the rates to itself, or be one for
/// all of them, and ignore the names. Any bytes may be a name, none among them; one that is
/// too long is answered [`AcquireError::KeyTooLong`].
///
/// Promises 1 to 4 are what the conformance suite judges.
///
/// # What has to be written
///
/// The methods without a default: to take permits and to give them back, to look without
/// taking, to peek into the log, to count and to forget it, the rates, and the clock. Of the
/// others, those that steer pauses and rates say by default that the bucket cannot do it; and
/// [`usage`](Self::usage) peeks some 20 times for each rate, which a store does better in
/// one question.
///
/// [`BackendError`]: crate::BackendError
pub trait Bucket: Send + Sync {
    /// Takes the item's weight, if its turn is at most `max_wait` away: all of it, or none.
    /// Returns at once; to wait for [`Grant::wait`] is the caller's part. A weight of 0 is
    /// granted now, and takes nothing. `max_wait` may be as long as [`Duration::MAX`].
    ///
    /// # Errors
    ///
    /// [`AcquireError::Limited`] with the rate that holds it back most, and the exact time
    /// until it would be granted; [`AcquireError::WeightTooLarge`] for more than the smallest
    /// limit; [`AcquireError::QueueFull`] if it would have to wait, and more than
    /// [`queue`](Self::queue) permits would be waited for; others of [`AcquireError`].
    /// Nothing was taken then, unless a [`BackendError`](crate::BackendError) says that it is
    /// not known.
    fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError>;

    /// Gives the `weight` newest permits of a grant back, of those that are left of it. Those
    /// who come later are judged as if they had never been taken; those who wait already keep
    /// their times. What no longer counts, or was flushed, is no error, and changes nothing.
    ///
    /// `grant` is what [`put`](Self::put) has returned, with [`Grant::weight`] lowered by what
    /// was given back before.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    fn give_back(&self, name: &[u8], grant: &Grant, weight: u64) -> Result<(), BucketError>;

    /// What [`put`](Self::put) would answer now to one who does not wait. Takes nothing.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    fn look(&self, item: Item<'_>) -> Result<(), AcquireError>;

    /// How long the item would have to wait now; zero if it would be granted at once. Takes
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), but for being limited.
    fn waiting(&self, item: Item<'_>) -> Result<Duration, AcquireError> {
        match self.look(item) {
            Ok(()) => Ok(Duration::ZERO),
            Err(AcquireError::Limited { retry_after, .. }) => Ok(retry_after),
            Err(error) => Err(error),
        }
    }

    /// The instant of the `nth` newest permit of a name, from 0, of those that count in the
    /// widest window; it is ahead for a permit that is waited for. A grant of weight 3 is
    /// three permits.
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    fn peek(&self, name: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError>;

    /// How much of each rate the name has used, in the order of the rates. By default from
    /// many peeks, so that what comes in between may show in a part of them.
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    fn usage(&self, name: &[u8]) -> Result<Vec<Usage>, AcquireError> {
        tally::usage(self, name)
    }

    /// How many permits count in the widest window now, those that are waited for among
    /// them; of all names together.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    fn count(&self) -> Result<u64, BucketError>;

    /// How many permits are waited for now: those whose instants are ahead, of all names
    /// together.
    ///
    /// # Errors
    ///
    /// [`BucketError::Unsupported`] by default.
    fn queued(&self) -> Result<u64, BucketError> {
        Err(BucketError::Unsupported {
            what: "how many permits are waited for",
        })
    }

    /// Forgets all permits of all names. Those who wait already keep their times.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    fn flush(&self) -> Result<(), BucketError>;

    /// Forgets permits that count in no window any more; how many. No limit depends on it. By
    /// default there are none, for a bucket that forgets them as it goes.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    fn leak(&self) -> Result<u64, BucketError> {
        Ok(0)
    }

    /// Forgets a name, with its permits; whether it was known. By default none is, as where one
    /// bucket takes all names. Those who wait already keep their times.
    ///
    /// # Errors
    ///
    /// See [`AcquireError`].
    fn dispose(&self, name: &[u8]) -> Result<bool, AcquireError> {
        let _ = name;
        Ok(false)
    }

    /// Grants nothing to that name, or with `None` to any, until an instant on the bucket's
    /// clock, unless a longer pause is on: what is [put](Self::put) gets an instant after it.
    /// Places that were given before stay: who wakes in a pause gives its place back and puts
    /// again, which is the limiter's part.
    ///
    /// # Errors
    ///
    /// [`PauseError::Unsupported`] by default; [`PauseError::TooLong`] beyond
    /// [`longest_pause`](Self::longest_pause).
    fn pause(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
        let _ = (name, until);
        Err(PauseError::Unsupported)
    }

    /// Ends that name's pause, or with `None` that of all; whether there was one.
    ///
    /// # Errors
    ///
    /// See [`PauseError`]. By default there is none.
    fn resume(&self, name: Option<&[u8]>) -> Result<bool, PauseError> {
        let _ = name;
        Ok(false)
    }

    /// For how long that name is still paused, by its own pause or by that of all; zero if
    /// it is not, as by default. Whoever has waited asks this before it goes.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    fn paused(&self, name: &[u8]) -> Result<Duration, BucketError> {
        let _ = name;
        Ok(Duration::ZERO)
    }

    /// The longest pause that is possible from now on; zero by default. Asks no store.
    fn longest_pause(&self) -> Duration {
        Duration::ZERO
    }

    /// The rates in force, narrowest first, as far as this handle knows. Asks no store. They are
    /// such as [`validate`](crate::validate) lets pass: at least one, and their limits rise.
    fn rates(&self) -> Vec<Rate>;

    /// How many permits may be waited for at once. By default 1,024, or the largest limit if
    /// that is more. Asks no store.
    fn queue(&self) -> u64 {
        default_queue(&self.rates())
    }

    /// Puts other rates in force, for everybody: those who ask from now on are judged by them,
    /// also by what was granted before.
    ///
    /// # Errors
    ///
    /// [`SetRatesError::Fixed`] by default.
    fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
        let _ = rates;
        Err(SetRatesError::Fixed)
    }

    /// The time on the bucket's clock: that of the server, where there is one.
    ///
    /// # Errors
    ///
    /// See [`BucketError`]. A clock that fails is an error, never another clock.
    fn now(&self) -> Result<Timestamp, BucketError>;

    /// Lets go of connections and the like; what is asked later may be answered
    /// [`BucketError::Closed`]. The permits stay. By default nothing is done.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    fn close(&self) -> Result<(), BucketError> {
        Ok(())
    }

    /// What to call it where it is watched from outside: in metrics and events.
    fn label(&self) -> String {
        "bucket".into()
    }
}

/// The queue of a bucket of those rates that says nothing of it.
pub(crate) fn default_queue(rates: &[Rate]) -> u64 {
    let largest = rates.iter().map(Rate::limit).max();
    largest.unwrap_or(0).max(DEFAULT_QUEUE)
}
