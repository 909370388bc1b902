//! The rates in force: two areas, and a version whose parity says which of them counts.
//!
//! Who changes the rates holds a lock, writes the area that is not in force, and then
//! raises the version. If it dies on the way, nothing has changed. Readers keep a copy,
//! and look at the version on every call.

use super::plan::{MAX_RATES, Plan, Window};
use super::word::Version;
use crate::sync::{AtomicU64, Ordering};

/// How often a reader looks again at words that change while it reads them.
const TRIES: u32 = 100;

/// One set of rates.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct PlanArea {
    /// How many rates there are.
    pub len: AtomicU64,
    /// Ticks that anything may be reserved ahead; no change of rates lowers it.
    pub horizon: AtomicU64,
    /// (limit in permits, interval in ticks), narrowest first.
    pub rates: [[AtomicU64; 2]; MAX_RATES],
}

/// The words that say which rates are in force.
#[derive(Clone, Copy, Debug)]
pub struct Rates<'a> {
    /// [`Version`].
    pub version: &'a AtomicU64,
    /// That of even versions, and that of odd ones.
    pub areas: &'a [PlanArea; 2],
}

impl Rates<'_> {
    /// Writes the first rates, which nobody else can see yet.
    pub fn write_first(self, windows: &[Window], horizon: u64) {
        write(&self.areas[Version(0).area()], windows, horizon);
    }

    /// The rates in force, if they are within their bounds.
    pub fn read(self, queue: u64, capacity: u64) -> Option<Plan> {
        for _ in 0..TRIES {
            // Acquire: pairs with the Release in `put`, for the area's words.
            let before = Version(self.version.load(Ordering::Acquire));
            let area = &self.areas[before.area()];
            // Acquire, here and in `windows`: pairs with the Release in `write`. Whoever
            // reads a word of the change after next sees below that there was one.
            let horizon = area.horizon.load(Ordering::Acquire);
            let windows = windows(area);
            if self.version.load(Ordering::Acquire) == before.0 {
                return Plan::new(before, &windows?, queue, horizon, capacity);
            }
        }
        None
    }

    /// Puts `next`, which [follows](Plan::followed_by) the plan in force, in its place, for
    /// all requests that are made after it. Nobody else changes the rates meanwhile. If
    /// the segment was removed, nothing happens: those who come next will notice.
    pub fn put(self, in_force: &Plan, next: &Plan) {
        let area = &self.areas[next.version.area()];
        write(area, next.windows(), next.horizon);
        // Release: pairs with the Acquire of those who look at the version. It fails only
        // if the segment is being removed.
        let _ = self.version.compare_exchange(
            in_force.version.0,
            next.version.0,
            Ordering::Release,
            Ordering::Relaxed,
        );
    }
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
