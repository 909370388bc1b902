//! Polling: to try, and to sleep after each refusal.

use std::fmt;
use std::time::Duration;

use tidegate::AcquireError;

/// How long one sleeps who is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Always as long.
    Every(Duration),
    /// As long as the refusal says.
    AsTold,
}

impl Pace {
    /// How long to sleep after this refusal; an error that is none goes back.
    pub fn after(self, refusal: AcquireError) -> Result<Duration, AcquireError> {
        match (self, refusal) {
            (Self::Every(time), AcquireError::Limited { .. }) => Ok(time),
            (Self::AsTold, AcquireError::Limited { retry_after, .. }) => Ok(retry_after),
            (_, error) => Err(error),
        }
    }
}

/// In the words of a table.
impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(time) => write!(f, "polled every {time:?}"),
            Self::AsTold => write!(f, "polled after retry-after"),
        }
    }
}
