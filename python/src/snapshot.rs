//! What there is to see, as the named tuples of `tidegate._snapshots`.

use crate::permit::instant;
use crate::rate::Rate;
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::time::UNIX_EPOCH;
use tidegate::{
    BucketSnapshot, KeysSnapshot, LeakerSnapshot, SegmentSnapshot, Snapshot, Timestamp, Usage,
};

type Made<'py> = PyResult<Bound<'py, PyAny>>;

fn tuple<'py>(py: Python<'py>, class: &str, fields: impl PyCallArgs<'py>) -> Made<'py> {
    py.import("tidegate._snapshots")?
        .getattr(class)?
        .call1(fields)
}

pub fn limiter<'py>(py: Python<'py>, shown: &Snapshot) -> Made<'py> {
    let rates: Vec<Rate> = shown.rates.iter().copied().map(Rate).collect();
    let keys = shown.keys.as_ref().map(|shown| keys(py, shown));
    let segment = shown.segment.as_ref().map(|shown| segment(py, shown));
    let numbers = (shown.queue, shown.capacity, shown.count, shown.queued);
    let (queue, capacity, count, queued) = numbers;
    let (paused, waiting) = (shown.paused.as_secs_f64(), shown.waiting.as_secs_f64());
    let fields = (
        instant(shown.now),
        rates,
        shown.counts.clone(),
        queue,
        capacity,
        count,
        queued,
        shown.reserved,
        paused,
        waiting,
        keys.transpose()?,
        segment.transpose()?,
    );
    tuple(py, "Snapshot", fields)
}

fn keys<'py>(py: Python<'py>, shown: &KeysSnapshot) -> Made<'py> {
    let fields = (
        shown.limit,
        shown.used,
        shown.evictions,
        shown.full_refusals,
    );
    tuple(py, "KeysSnapshot", fields)
}

fn segment<'py>(py: Python<'py>, shown: &SegmentSnapshot) -> Made<'py> {
    let made = shown.made.duration_since(UNIX_EPOCH).unwrap_or_default();
    let leaker = shown.leaker.as_ref().map(|shown| leaker(py, shown));
    let fields = (
        &shown.path,
        shown.size,
        made.as_secs_f64(),
        leaker.transpose()?,
    );
    tuple(py, "SegmentSnapshot", fields)
}

fn leaker<'py>(py: Python<'py>, shown: &LeakerSnapshot) -> Made<'py> {
    let fields = (
        shown.is_alive,
        shown.pid,
        instant(shown.last_pass),
        shown.interval.as_secs_f64(),
        shown.passes,
        shown.leaked,
        shown.repairs,
        shown.reclaimed,
    );
    tuple(py, "LeakerSnapshot", fields)
}

pub fn bucket<'py>(py: Python<'py>, shown: &BucketSnapshot) -> Made<'py> {
    let fields = (
        PyBytes::new(py, &shown.label),
        shown.is_whole,
        shown.count,
        shown.queued,
        shown.waiting.as_secs_f64(),
        shown.last_use.map(instant),
    );
    tuple(py, "BucketSnapshot", fields)
}

pub fn usage<'py>(py: Python<'py>, shown: &Usage) -> Made<'py> {
    let resets_in = shown.resets_in.as_secs_f64();
    let fields = (Rate(shown.rate), shown.used, shown.remaining(), resets_in);
    tuple(py, "Usage", fields)
}

/// An instant that need not be.
pub fn maybe(stamp: Option<Timestamp>) -> Option<f64> {
    stamp.map(instant)
}
