//! The rates in force, in a mapping's header.

use super::mapping::Mapping;
use crate::error::{BucketError, SetRatesError};
use crate::rate::{Rate, validate};
use crate::ring::{Plan, Rates};
use crate::spec::windows_of;

/// The words that say which rates are in force.
pub fn of(mapping: &Mapping) -> Rates<'_> {
    let header = mapping.header();
    Rates {
        version: &header.gate.version,
        areas: &header.plans,
    }
}

/// The rates in force, if they are within their bounds.
pub fn read(mapping: &Mapping, queue: u64) -> Option<Plan> {
    of(mapping).read(queue, mapping.shape().capacity)
}

/// Puts other rates in force, for all requests that are made after it. The caller holds the
/// lock on the rates. If the segment was removed, nothing happens: those who come next
/// will notice.
pub fn set(mapping: &Mapping, queue: u64, rates: &[Rate]) -> Result<(), SetRatesError> {
    validate(rates)?;
    let plan = read(mapping, queue).ok_or(BucketError::Rates)?;
    let windows = windows_of(rates);
    let capacity = mapping.shape().capacity;
    let next = plan.followed_by(&windows, capacity);
    let next = next.ok_or_else(|| SetRatesError::TooLarge {
        limit: windows.last().map_or(0, |widest| widest.limit),
        queue,
        capacity,
    })?;
    of(mapping).put(&plan, &next);
    Ok(())
}
