//! Rates.

use crate::arguments::type_name;
use crate::error;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString, PyType};
use std::time::Duration;

/// At most ``limit`` permits in every window as long as ``interval``.
///
/// The interval is a whole number of milliseconds, as ``Duration.SECOND * 2``, or a ``timedelta``.
/// ``Rate.parse("500/4h")`` reads a text, and ``str`` writes one.
#[pyclass(frozen, eq, hash, module = "tidegate._native")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Rate(pub tidegate::Rate);

#[pymethods]
impl Rate {
    #[new]
    fn new(limit: &Bound<'_, PyAny>, interval: &Bound<'_, PyAny>) -> PyResult<Self> {
        let interval = milliseconds(interval)?;
        Ok(Self(tidegate::Rate::new(limit_of(limit)?, interval)))
    }

    /// Reads a rate as in ``"10/s"``, ``"500/4h"`` or ``"5/500ms"``.
    #[staticmethod]
    fn parse(py: Python<'_>, text: &str) -> PyResult<Self> {
        match text.parse() {
            Ok(rate) => Ok(Self(rate)),
            Err(reason) => Err(error::rate_text(py, &reason)),
        }
    }

    /// At most ``limit`` permits in every second.
    #[staticmethod]
    fn per_second(limit: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(tidegate::Rate::per_second(limit_of(limit)?)))
    }

    /// At most ``limit`` permits in every 60 seconds.
    #[staticmethod]
    fn per_minute(limit: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(tidegate::Rate::per_minute(limit_of(limit)?)))
    }

    /// At most ``limit`` permits in every 60 minutes.
    #[staticmethod]
    fn per_hour(limit: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(tidegate::Rate::per_hour(limit_of(limit)?)))
    }

    /// At most ``limit`` permits in every 24 hours.
    #[staticmethod]
    fn per_day(limit: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(tidegate::Rate::per_day(limit_of(limit)?)))
    }

    /// How many permits a window may hold.
    #[getter]
    fn limit(&self) -> u64 {
        self.0.limit()
    }

    /// How long the window is, in milliseconds, rounded up.
    #[getter]
    fn interval(&self) -> u128 {
        self.0.interval().as_nanos().div_ceil(1_000_000)
    }

    /// How long the window is, as a ``timedelta``.
    #[getter]
    fn period(&self) -> Duration {
        self.0.interval()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Rate.parse('{}')", self.0)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        let parse = PyType::new::<Self>(py).getattr("parse")?;
        Ok((parse, (self.0.to_string(),)))
    }
}

fn limit_of(limit: &Bound<'_, PyAny>) -> PyResult<u64> {
    match limit.extract() {
        Ok(limit) => Ok(limit),
        Err(_) if limit.is_instance_of::<PyInt>() => Err(PyValueError::new_err(format!(
            "a limit of {limit} is not possible: give 1 or more"
        ))),
        Err(_) => Err(PyTypeError::new_err(format!(
            "a limit is int, not {}",
            type_name(limit)
        ))),
    }
}

fn milliseconds(interval: &Bound<'_, PyAny>) -> PyResult<Duration> {
    if interval.is_instance_of::<PyInt>() {
        return match interval.extract() {
            Ok(milliseconds) => Ok(Duration::from_millis(milliseconds)),
            Err(_) => Err(PyValueError::new_err(format!(
                "an interval of {interval} ms is not possible: give 1 or more"
            ))),
        };
    }
    match interval.extract() {
        Ok(interval) => Ok(interval),
        Err(error) if error.is_instance_of::<PyValueError>(interval.py()) => Err(error),
        // PyrateLimiter's durations are no numbers, but have one.
        Err(_) => match interval.call_method0("__int__").and_then(|ms| ms.extract()) {
            Ok(milliseconds) if !interval.hasattr("is_integer")? => {
                Ok(Duration::from_millis(milliseconds))
            }
            _ => Err(PyTypeError::new_err(format!(
                "an interval is a whole number of milliseconds or a timedelta, not {}",
                type_name(interval)
            ))),
        },
    }
}

/// One rate, or several.
pub fn rates_of(rates: &Bound<'_, PyAny>) -> PyResult<Vec<tidegate::Rate>> {
    if let Some(rate) = rate_of(rates)? {
        return Ok(vec![rate]);
    }
    let not_rates = || {
        PyTypeError::new_err(format!(
            "rates are Rate, text as in '10/s', or a list of these, not {}",
            type_name(rates)
        ))
    };
    let listed = rates.try_iter().map_err(|_| not_rates())?;
    listed
        .map(|rate| rate_of(&rate?)?.ok_or_else(not_rates))
        .collect()
}

/// A rate of ours, a text, or another library's rate that has the same attributes.
fn rate_of(rate: &Bound<'_, PyAny>) -> PyResult<Option<tidegate::Rate>> {
    if let Ok(rate) = rate.cast::<Rate>() {
        return Ok(Some(rate.get().0));
    }
    if let Ok(text) = rate.cast::<PyString>() {
        return Rate::parse(rate.py(), &text.to_cow()?).map(|rate| Some(rate.0));
    }
    if !rate.hasattr("limit")? || !rate.hasattr("interval")? {
        return Ok(None);
    }
    let rate = Rate::new(&rate.getattr("limit")?, &rate.getattr("interval")?)?;
    Ok(Some(rate.0))
}
