//! Clocks: the trait that buckets tell the time by, those that are ready-made, and the
//! clock of a segment.

pub mod counter;
mod manual;
mod system;

use crate::timestamp::Timestamp;
pub use manual::Manual;
use nix::errno::Errno;
use nix::time::ClockId;
use std::error::Error;
use std::sync::Arc;
pub use system::{ClockKind, SystemClock, wall_micros};

/// What a bucket tells the time by.
///
/// All who share a bucket must be told the same time, to within what the bucket can bear: so
/// processes of one host share a clock of its kernel, and hosts share that of a server. A
/// clock that fails says so; it never turns to another.
///
/// ```
/// use std::time::Duration;
/// use tidegate::{Clock, Manual, Wall};
///
/// assert!(Wall.now()?.as_micros() > 1_700_000_000_000_000);
///
/// let clock = Manual::new();
/// let before = clock.now()?;
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now()?.duration_since(before), Duration::from_secs(5));
/// # Ok::<(), tidegate::ClockError>(())
/// ```
pub trait Clock: Send + Sync {
    /// The time, in microseconds rounded down.
    ///
    /// # Errors
    ///
    /// [`ClockError`], if the clock cannot be read.
    fn now(&self) -> Result<Timestamp, ClockError>;
}

/// A clock could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the {clock} clock cannot be read: {source}")]
#[non_exhaustive]
pub struct ClockError {
    /// Which.
    pub clock: &'static str,
    /// In the words of whoever keeps it.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl ClockError {
    /// "The `clock` clock cannot be read".
    pub fn new(clock: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            clock,
            source: source.into(),
        }
    }
}

/// Time since the machine was started, which runs on while it is suspended. Systems without
/// such a clock are asked for [`Monotonic`]'s time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Boottime;

/// Time since the machine was started, which stands still while it is suspended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Monotonic;

/// Time since the beginning of 1970, which goes on through restarts. Whoever sets the clock
/// back makes those wait who come next, and whoever sets it forward lets them pass.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Wall;

impl Clock for Boottime {
    fn now(&self) -> Result<Timestamp, ClockError> {
        timestamp("boot-time", ClockKind::DEFAULT.micros())
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Result<Timestamp, ClockError> {
        timestamp("monotonic", ClockKind::Monotonic.micros())
    }
}

impl Clock for Wall {
    fn now(&self) -> Result<Timestamp, ClockError> {
        timestamp("wall", system::micros(ClockId::CLOCK_REALTIME))
    }
}

fn timestamp(clock: &'static str, micros: Result<i64, Errno>) -> Result<Timestamp, ClockError> {
    let micros = micros.map_err(|error| ClockError::new(clock, error))?;
    match u64::try_from(micros) {
        Ok(micros) => Ok(Timestamp::from_micros(micros)),
        Err(_) => Err(ClockError::new(clock, "it is before its beginning")),
    }
}

macro_rules! pass_on {
    ($pointer:ty) => {
        impl<C: Clock + ?Sized> Clock for $pointer {
            fn now(&self) -> Result<Timestamp, ClockError> {
                (**self).now()
            }
        }
    };
}

pass_on!(Box<C>);
pass_on!(Arc<C>);
pass_on!(&C);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_clock_of_the_system_runs_back() {
        let clocks: [&dyn Clock; 3] = [&Boottime, &Monotonic, &Arc::new(Wall)];
        for clock in clocks {
            let before = clock.now().unwrap();
            assert!(clock.now().unwrap() >= before);
        }
    }

    #[test]
    fn a_clock_before_its_beginning_is_an_error() {
        let error = timestamp("wall", Ok(-1)).unwrap_err();
        let words = "the wall clock cannot be read: it is before its beginning";
        assert_eq!(error.to_string(), words);
        let error = timestamp("wall", Err(Errno::EINVAL)).unwrap_err();
        assert!(error.to_string().contains("EINVAL"), "{error}");
    }
}
