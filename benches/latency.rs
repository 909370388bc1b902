//! How long single calls take, in slices of their own: the counter's two reads
//! and the recording would spoil a throughput.

use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock::{nanos_per_tick, ticks};
use crate::contender::{Contender, Gate};
use crate::harness::{run, warm_up};

/// Longest call that is told from longer ones, in ticks: minutes.
const LONGEST: u64 = 1 << 39;

/// Percentiles of single calls, in nanoseconds, the two reads of the counter
/// around each included.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// One call in a hundred takes longer.
    pub p99: f64,
    /// One in a thousand.
    pub p999: f64,
    /// One in ten thousand: where an owner who lost the processor shows.
    pub p9999: f64,
    /// The longest.
    pub max: f64,
}

/// All calls of `processes` in `length`, in ticks of the counter.
pub fn measure<C: Contender>(
    contender: &C,
    processes: usize,
    length: Duration,
) -> io::Result<Histogram<u64>> {
    let slice = run(processes, length, |_, stage| {
        let gate = contender.enter()?;
        let mut calls = histogram();
        warm_up(&gate);
        stage.start();
        while stage.running() {
            let start = ticks();
            std::hint::black_box(gate.try_acquire()).ok();
            calls.saturating_record(ticks() - start);
        }
        let recorded = calls.iter_recorded();
        Ok(recorded
            .flat_map(|step| [step.value_iterated_to(), step.count_at_value()])
            .collect())
    })?;
    let mut all = histogram();
    for pairs in &slice.results {
        for pair in pairs.as_chunks::<2>().0 {
            all.saturating_record_n(pair[0], pair[1]);
        }
    }
    Ok(all)
}

/// An empty histogram of ticks, of three significant digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("constant bounds are valid")
}

impl From<&Histogram<u64>> for Latency {
    fn from(calls: &Histogram<u64>) -> Self {
        let at = |quantile| calls.value_at_quantile(quantile) as f64 * nanos_per_tick();
        Self {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: at(1.0),
        }
    }
}
