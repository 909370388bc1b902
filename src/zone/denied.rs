//! Why a question to a zone has no answer; and the same in the caller's words.

use super::Zone;
use super::terms::Terms;
use crate::directory::{Damaged, NoBucket};
use crate::error::{AcquireError, BucketError};
use crate::ring::Refusal;
use std::time::Duration;

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

/// A refusal in the caller's words. Being limited is as common as being granted.
#[inline]
pub fn explain(terms: &Terms, weight: u64, refusal: Refusal) -> AcquireError {
    match refusal {
        Refusal::Limited { now, ready, window } => AcquireError::Limited {
            retry_after: duration(ready - now),
            rate: terms.rate(window),
        },
        Refusal::QueueFull { now, ready } => AcquireError::QueueFull {
            weight,
            queue: terms.plan.queue,
            retry_after: Duration::from_micros(ready.saturating_sub(now)),
        },
        Refusal::TooHeavy => AcquireError::WeightTooLarge {
            weight,
            rate: terms.rate(0),
        },
        Refusal::Closed | Refusal::Stale | Refusal::Exhausted => {
            unusable(Denied::Refused(refusal)).into()
        }
    }
}

/// So many ticks. Nanoseconds are ticks less whole seconds, and not the rest of a division:
/// a product less to wait for, on the way to a refusal.
#[inline]
fn duration(ticks: u64) -> Duration {
    let seconds = ticks / 1_000_000;
    // The difference is below 2^30, whatever the high bits were.
    let whole = (seconds as u32).wrapping_mul(1_000_000_000);
    Duration::new(
        seconds,
        (ticks as u32).wrapping_mul(1000).wrapping_sub(whole),
    )
}

/// The same where the directory may be in the way.
pub fn deny(zone: &Zone, weight: u64, denied: Denied) -> AcquireError {
    match denied {
        Denied::Refused(refusal) => explain(zone.terms(), weight, refusal),
        Denied::Full => AcquireError::Full {
            keys: zone.design().keys.unwrap_or(1),
        },
        Denied::KeyTooLong(length) => AcquireError::KeyTooLong { length },
        Denied::Damaged => unusable(denied).into(),
    }
}

/// Why no bucket can be used.
pub fn unusable(denied: Denied) -> BucketError {
    match denied {
        Denied::Refused(Refusal::Closed) => BucketError::Closed,
        Denied::Damaged => BucketError::Damaged,
        _ => BucketError::Exhausted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_as_many_microseconds_as_ticks() {
        for whole in [0, 1, 4_294, 4_295, 3_600_000_000, 1 << 43] {
            for part in [0, 1, 999_999] {
                let ticks = whole * 1_000_000 + part;
                assert_eq!(duration(ticks), Duration::from_micros(ticks));
            }
        }
    }
}
