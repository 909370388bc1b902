//! The rates in force: two areas, and a version whose parity says which of them counts.
//!
//! Who changes the rates holds a kernel lock, writes the area that is not in force, and then
//! raises the version. If it dies on the way, nothing has changed. Readers keep a copy,
//! and look at the version on every call.

use super::layout::{Header, PlanArea};
use super::mapping::Mapping;
use crate::error::{BucketError, SetRatesError};
use crate::rate::{Rate, validate};
use crate::ring::word::Version;
use crate::ring::{Plan, Window};
use crate::spec::windows_of;
use crate::sync::{AtomicU64, Ordering};

/// How often a reader looks again at words that change while it reads them.
const TRIES: u32 = 100;

/// Writes the first rates of a segment that nobody else can see yet.
pub fn write_first(header: &Header, windows: &[Window], horizon: u64) {
    write(&header.plans[Version(0).area()], windows, horizon);
}

/// The rates in force, if they are within their bounds.
pub fn read(mapping: &Mapping, queue: u64) -> Option<Plan> {
    let header = mapping.header();
    let version = &header.gate.version;
    for _ in 0..TRIES {
        // Acquire: pairs with the Release in `set`, for the area's words.
        let before = Version(version.load(Ordering::Acquire));
        let area = &header.plans[before.area()];
        // Acquire, here and in `windows`: pairs with the Release in `write`. Whoever reads
        // a word of the change after next sees below that there was one.
        let horizon = area.horizon.load(Ordering::Acquire);
        let windows = windows(area);
        if version.load(Ordering::Acquire) == before.0 {
            let capacity = mapping.shape().capacity;
            return Plan::new(before, &windows?, queue, horizon, capacity);
        }
    }
    None
}

/// Puts other rates in force, for all requests that are made after it. The caller holds the
/// lock on the rates. If the segment was removed, nothing happens: those who come next
/// will notice.
pub fn set(mapping: &Mapping, queue: u64, rates: &[Rate]) -> Result<(), SetRatesError> {
    validate(rates)?;
    let plan = read(mapping, queue).ok_or(BucketError::Rates)?;
    let windows = windows_of(rates);
    // What was reserved under the rates of before is still to be believed.
    let horizon = plan.horizon.max(Plan::horizon_for(&windows, queue));
    let next = plan.version.next();
    let capacity = mapping.shape().capacity;
    if Plan::new(next, &windows, queue, horizon, capacity).is_none() {
        return Err(SetRatesError::TooLarge {
            limit: windows.last().map_or(0, |widest| widest.limit),
            queue,
            capacity,
        });
    }
    let header = mapping.header();
    write(&header.plans[next.area()], &windows, horizon);
    // Release: pairs with the Acquire of those who look at the version. It fails only if
    // the segment is being removed.
    let _ = header.gate.version.compare_exchange(
        plan.version.0,
        next.0,
        Ordering::Release,
        Ordering::Relaxed,
    );
    Ok(())
}

fn write(area: &PlanArea, windows: &[Window], horizon: u64) {
    // Release, all: pairs with the Acquire in `read`, and passes on the version that made
    // this area the one that is not in force.
    let set = |word: &AtomicU64, value| word.store(value, Ordering::Release);
    set(&area.len, windows.len() as u64);
    set(&area.horizon, horizon);
    for ([limit, interval], window) in area.rates.iter().zip(windows) {
        set(limit, window.limit);
        set(interval, window.interval);
    }
}

fn windows(area: &PlanArea) -> Option<Vec<Window>> {
    let get = |word: &AtomicU64| word.load(Ordering::Acquire);
    let len = usize::try_from(get(&area.len)).ok()?;
    let rates = area.rates.get(..len).filter(|rates| !rates.is_empty())?;
    let window = |[limit, interval]: &[AtomicU64; 2]| Window {
        limit: get(limit),
        interval: get(interval),
    };
    Some(rates.iter().map(window).collect())
}
