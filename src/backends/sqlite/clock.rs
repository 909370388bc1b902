//! SQLite's clock.

use crate::clock::{Clock, ClockError};
use crate::timestamp::Timestamp;
use rusqlite::Connection;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// The time by SQLite's own functions, since 1970, to the millisecond: the wall clock of this
/// host, or whatever its build of SQLite takes for it. As PyrateLimiter's class of that name,
/// for a bucket of your own that is judged by times in a database.
///
/// ```
/// use tidegate::{Clock, SqliteClock};
///
/// let clock = SqliteClock::new()?;
/// assert!(clock.now()?.as_micros() > 1_700_000_000_000_000);
/// # Ok::<(), tidegate::ClockError>(())
/// ```
pub struct SqliteClock {
    db: Mutex<Connection>,
}

const NAME: &str = "SQLite's";

impl SqliteClock {
    /// The clock, by a database in memory that it has for itself.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn new() -> Result<Self, ClockError> {
        let db = Connection::open_in_memory().map_err(|error| ClockError::new(NAME, error))?;
        Ok(Self { db: Mutex::new(db) })
    }
}

impl Clock for SqliteClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        // Nobody leaves it half asked.
        let db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error| ClockError::new(NAME, error);
        let mut question = db
            .prepare_cached("SELECT CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER)")
            .map_err(failed)?;
        let millis: u64 = question.query_row([], |row| row.get(0)).map_err(failed)?;
        Ok(Timestamp::from_micros(millis.saturating_mul(1000)))
    }
}

impl fmt::Debug for SqliteClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteClock")
    }
}
