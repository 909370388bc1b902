//! Why a question to a zone has no answer.

use crate::directory::{Damaged, NoBucket};
use crate::ring::Refusal;

/// Why a question has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// The bucket refuses.
    Refused(Refusal),
    /// All buckets are taken by other keys.
    Full,
    /// The key has so many bytes.
    KeyTooLong(usize),
    /// The directory's words contradict each other.
    Damaged,
}

impl From<Refusal> for Denied {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<NoBucket> for Denied {
    fn from(none: NoBucket) -> Self {
        match none {
            NoBucket::Full => Self::Full,
            NoBucket::Damaged => Self::Damaged,
            NoBucket::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<Damaged> for Denied {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}
