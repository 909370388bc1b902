//! Why a server, a database or a clock that a bucket stands on did not do what was asked.

use std::error::Error;
use std::fmt;

/// A store that a bucket is kept in has failed.
///
/// ```
/// use tidegate::{AcquireError, BackendError, Outcome};
///
/// fn read(path: &str) -> Result<String, AcquireError> {
///     let failed = |error| BackendError::new("the log file", "take permits", Outcome::Undone, error);
///     Ok(std::fs::read_to_string(path).map_err(failed)?)
/// }
///
/// let error = read("/nowhere/log").unwrap_err();
/// assert_eq!(error.outcome(), Outcome::Undone);
/// assert!(error.to_string().starts_with("the log file could not take permits: No such file"));
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{backend} could not {doing}: {source}; {outcome}")]
#[non_exhaustive]
pub struct BackendError {
    /// Which: "SQLite", "Redis", "PostgreSQL", or a name of your own.
    pub backend: &'static str,
    /// What was tried, as in "take permits".
    pub doing: &'static str,
    /// What is known of it.
    pub outcome: Outcome,
    /// The store's own words.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// What is known of something that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was not done: no permits were taken, nothing was changed.
    Undone,
    /// The connection broke after the request had been sent, say: it was done, or it was not.
    /// Permits that were taken all the same count for one interval of each rate.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undone => "nothing was changed",
            Self::Unknown => "it may have been done all the same",
        })
    }
}

impl BackendError {
    /// A failure of that store, in the words "`backend` could not `doing`".
    pub fn new(
        backend: &'static str,
        doing: &'static str,
        outcome: Outcome,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            backend,
            doing,
            outcome,
            source: source.into(),
        }
    }
}
