//! Sleeping, while other threads of Python run, and signals are heard.

use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use pyo3::prelude::*;
use std::time::{Duration, Instant};

/// A signal that comes just before a sleep begins does not end it: so this is as long as it may
/// have to wait.
const STEP: Duration = Duration::from_secs(1);

/// Sleeps for so long. What a signal's handler raises, as Ctrl-C's does, ends it.
pub fn sleep(py: Python<'_>, time: Duration) -> PyResult<()> {
    let begun = Instant::now();
    loop {
        let left = time.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        py.detach(|| {
            // Cut short by a signal, or refused: the loop looks at the time itself.
            let clock = ClockId::CLOCK_MONOTONIC;
            let step = left.min(STEP).into();
            let _ = clock_nanosleep(clock, ClockNanosleepFlags::empty(), &step);
        });
        py.check_signals()?;
    }
}
