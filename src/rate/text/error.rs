//! Why a text is not what it was read as.

use super::super::{DAY, MAX_LIMIT};
use std::time::Duration;

/// The longest duration that may be written: 64 bits of microseconds.
pub const LONGEST: Duration = Duration::from_micros(u64::MAX);

/// A text that is not a [`Rate`](crate::Rate), or not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateTextError {
    /// There is no `/` between a limit and an interval.
    #[error("{text:?} is not a rate: write limit/interval, as in 10/s, 500/4h or 5/500ms")]
    NotARate {
        /// The text as it was given.
        text: String,
    },
    /// What stands before the `/` is not a whole number.
    #[error("the limit in {text:?} is not a whole number: write digits only, as in 10/s")]
    NotALimit {
        /// The text as it was given.
        text: String,
    },
    /// The limit does not fit 64 bits.
    #[error("the limit in {text:?} is too large: write at most {MAX_LIMIT}")]
    LimitTooLarge {
        /// The text as it was given.
        text: String,
    },
    /// A number or a unit is missing.
    #[error(
        "the duration in {text:?} is not one: write whole numbers with units, as in 10s, 500ms or 1h30m"
    )]
    NotADuration {
        /// The text as it was given.
        text: String,
    },
    /// A word where a unit should be is none.
    #[error("{unit:?} in {text:?} is not a unit: write ns, us, ms, s, m, h, d or w")]
    UnknownUnit {
        /// The word.
        unit: String,
        /// The text as it was given.
        text: String,
    },
    /// The duration in microseconds does not fit 64 bits.
    #[error(
        "the duration in {text:?} is too long: write less than {} days",
        LONGEST.as_nanos() / DAY.as_nanos()
    )]
    DurationTooLong {
        /// The text as it was given.
        text: String,
    },
}
