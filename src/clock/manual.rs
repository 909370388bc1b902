//! A clock that is moved by hand.

use super::{Clock, ClockError};
use crate::timestamp::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A clock for tests, which stands still until it is [advanced](Self::advance). A clone is
/// the same clock. It begins at one day, so that something can have been before.
#[derive(Clone, Debug)]
pub struct Manual {
    now: Arc<Mutex<Timestamp>>,
}

impl Manual {
    const BEGINNING: Timestamp = Timestamp::from_micros(24 * 60 * 60 * 1_000_000);

    /// A clock that stands still.
    pub fn new() -> Self {
        let now = Arc::new(Mutex::new(Self::BEGINNING));
        Self { now }
    }

    /// Lets so much time pass; what is less than a microsecond is left out.
    pub fn advance(&self, time: Duration) {
        let mut now = self.lock();
        *now = now.saturating_add(time);
    }

    fn lock(&self) -> MutexGuard<'_, Timestamp> {
        // Nobody leaves it half set.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Manual {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Manual {
    fn now(&self) -> Result<Timestamp, ClockError> {
        Ok(*self.lock())
    }
}
