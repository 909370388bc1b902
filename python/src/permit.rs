//! Permits and reservations, as Python holds them.

use crate::error;
use crate::held::Held;
use crate::nap::sleep;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidegate::Timestamp;

/// Leave to act once, or as often as its weight says.
///
/// It needs not be given back. What was not used after all may be refunded.
#[pyclass(frozen, module = "tidegate._native")]
pub struct Permit(Mutex<Held>);

/// Nobody who panics leaves it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An instant as Python has it: seconds.
pub fn instant(instant: Timestamp) -> f64 {
    instant.as_micros() as f64 / 1e6
}

impl Permit {
    pub fn new(held: Held) -> Self {
        Self(Mutex::new(held))
    }

    fn ask<T: Default>(&self, question: impl FnOnce(&tidegate::Permit<'_>) -> T) -> T {
        lock(&self.0).ask_permit(question).unwrap_or_default()
    }
}

#[pymethods]
impl Permit {
    /// The instant at which it was granted, on the limiter's clock, in seconds.
    #[getter]
    fn at(&self) -> f64 {
        self.ask(|permit| instant(permit.at()))
    }

    /// How many permits it stands for: what was asked for, less what was refunded.
    #[getter]
    fn weight(&self) -> u64 {
        self.ask(|permit| permit.weight())
    }

    /// How often the call slept: not at all if it was granted at once.
    #[getter]
    fn sleeps(&self) -> u32 {
        self.ask(|permit| permit.sleeps())
    }

    /// Gives ``weight`` permits of it back, or all of it: those who come later are judged as if
    /// they had never been taken.
    #[pyo3(signature = (weight = None))]
    fn refund(&self, py: Python<'_>, weight: Option<crate::arguments::Weight>) -> PyResult<()> {
        let outcome = lock(&self.0).refund(weight.map(|weight| weight.0));
        outcome.map_err(|reason| error::refund(py, &reason))
    }

    fn __repr__(&self) -> String {
        let (weight, at) = (self.weight(), self.at());
        format!("<tidegate.Permit: weight {weight}, at {at:.6}>")
    }
}

/// A place in the queue that its holder has in hand: to wait for, to keep, or to give back.
///
/// As a context manager, and when it is collected, it gives its place back, unless it was waited
/// for or kept.
#[pyclass(frozen, module = "tidegate._native")]
pub struct Reservation(Mutex<Option<Held>>);

impl Reservation {
    pub fn new(held: Held) -> Self {
        Self(Mutex::new(Some(held)))
    }

    fn ask<T>(&self, question: impl FnOnce(&tidegate::Reservation<'_>) -> T) -> PyResult<T> {
        let held = lock(&self.0);
        let answer = held.as_ref().and_then(|held| held.ask_place(question));
        answer.ok_or_else(gone)
    }
}

fn gone() -> PyErr {
    PyRuntimeError::new_err("this reservation was waited for, kept or given back already")
}

#[pymethods]
impl Reservation {
    /// The instant from which on its holder may go, on the limiter's clock, in seconds.
    #[getter]
    fn ready_at(&self) -> PyResult<f64> {
        self.ask(|place| instant(place.ready_at()))
    }

    /// How long that is from now on, in seconds; 0 if it has come.
    #[getter]
    fn waiting(&self) -> PyResult<f64> {
        self.ask(|place| place.waiting().as_secs_f64())
    }

    /// How many permits are reserved.
    #[getter]
    fn weight(&self) -> PyResult<u64> {
        self.ask(|place| place.weight())
    }

    /// How long to sleep now, in seconds, and then to ask again; ``None`` when the turn has come.
    ///
    /// For event loops: ``keep()`` is the permit then. Raises what ``wait()`` raises.
    fn next_sleep(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let mut held = lock(&self.0);
        let place = held.as_mut().ok_or_else(gone)?;
        match place.next_sleep().ok_or_else(gone)? {
            Ok(time) => Ok(time.map(|time| time.as_secs_f64())),
            Err(reason) => {
                *held = None;
                Err(error::acquire(py, &reason))
            }
        }
    }

    /// Waits for the turn. Other threads run meanwhile; Ctrl-C ends it, and gives the place back.
    fn wait(&self, py: Python<'_>) -> PyResult<Permit> {
        loop {
            let next = lock(&self.0).as_mut().and_then(Held::next_sleep);
            match next.ok_or_else(gone)? {
                Ok(Some(time)) => sleep(py, time).inspect_err(|_| self.cancel())?,
                Ok(None) => return self.keep(),
                Err(reason) => {
                    self.cancel();
                    return Err(error::acquire(py, &reason));
                }
            }
        }
    }

    /// The permit, not waited for: whoever keeps it goes at ``ready_at`` by other means.
    fn keep(&self) -> PyResult<Permit> {
        let held = lock(&self.0).take().ok_or_else(gone)?;
        Ok(Permit::new(held.keep()))
    }

    /// Gives the place back, if it is not given back or used already.
    fn cancel(&self) {
        *lock(&self.0) = None;
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exc))]
    fn __exit__(&self, _exc: &Bound<'_, pyo3::types::PyTuple>) {
        self.cancel();
    }
}
