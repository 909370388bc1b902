//! The limiter, as Python holds it.

use crate::arguments::{Name, Patience, Seconds, Weight};
use crate::held::{Held, take};
use crate::options::{Options, Site, time};
use crate::permit::{Permit, Reservation, instant};
use crate::rate::{Rate, rates_of};
use crate::{error, snapshot, web};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use tidegate::{AcquireError, PauseError};

/// An exact rate limiter, shared by whoever opens the same segment.
#[pyclass(frozen, subclass, module = "tidegate._native")]
pub struct Limiter {
    limiter: tidegate::Limiter,
    options: Options,
    is_closed: AtomicBool,
}

impl Limiter {
    /// The library's limiter, if this handle is not closed.
    #[inline]
    fn get(&self, py: Python<'_>) -> PyResult<&tidegate::Limiter> {
        // Relaxed: whoever closes it while others use it has no order to expect.
        match self.is_closed.load(Ordering::Relaxed) {
            false => Ok(&self.limiter),
            true => Err(error::closed(py)),
        }
    }

    /// Asks for something that may take its time, while other threads of Python run.
    fn ask<T: Send, E: Send>(
        &self,
        py: Python<'_>,
        explain: fn(Python<'_>, &E) -> PyErr,
        question: impl FnOnce(&tidegate::Limiter) -> Result<T, E> + Send,
    ) -> PyResult<T> {
        let limiter = self.get(py)?;
        let answer = py.detach(|| question(limiter));
        answer.map_err(|reason| explain(py, &reason))
    }
}

#[pymethods]
impl Limiter {
    #[new]
    #[pyo3(signature = (
        rates = None, *, name = None, path = None, keys = None, queue = None, capacity = None,
        group = None, adopt = false, override_rates = false, create_only = false,
        attach_only = false, lateness = None, buffer = None, jitter = None, dry_run = false,
    ))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of Python's")]
    fn new(
        py: Python<'_>,
        rates: Option<&Bound<'_, PyAny>>,
        name: Option<String>,
        path: Option<PathBuf>,
        keys: Option<u64>,
        queue: Option<u64>,
        capacity: Option<u64>,
        group: Option<u32>,
        adopt: bool,
        override_rates: bool,
        create_only: bool,
        attach_only: bool,
        lateness: Option<Seconds>,
        buffer: Option<Seconds>,
        jitter: Option<Seconds>,
        dry_run: bool,
    ) -> PyResult<Self> {
        let site = match (name, path) {
            (None, None) => Site::Memory,
            (Some(name), None) => Site::Named(name),
            (None, Some(path)) => Site::At(path),
            (Some(_), Some(_)) => {
                return Err(PyValueError::new_err("give a name or a path, not both"));
            }
        };
        let options = Options {
            site,
            rates: rates.map_or_else(|| Ok(Vec::new()), rates_of)?,
            keys,
            queue,
            capacity,
            group,
            adopt,
            override_rates,
            create_only,
            attach_only,
            lateness: lateness.map(|Seconds(bound)| bound),
            buffer: time(buffer),
            jitter: time(jitter),
            dry_run,
        };
        options.check()?;
        let limiter = py.detach(|| options.open());
        Ok(Self {
            limiter: limiter.map_err(|reason| error::open(py, &reason))?,
            options,
            is_closed: AtomicBool::new(false),
        })
    }

    /// Takes ``weight`` permits, all or none, and says whether it did.
    ///
    /// It waits for its turn, first come, first served, up to ``timeout`` seconds (-1: however
    /// long), unless ``blocking`` is false. A turn that would come too late is refused at once.
    /// Other threads run meanwhile; Ctrl-C ends the wait, and gives the place back.
    #[pyo3(
        signature = (name = Name::NONE, weight = Weight(1), blocking = true, timeout = Patience::ENDLESS),
        text_signature = "($self, name='', weight=1, blocking=True, timeout=-1)"
    )]
    fn try_acquire(
        &self,
        py: Python<'_>,
        name: Name<'_, '_>,
        weight: Weight,
        blocking: bool,
        timeout: Patience,
    ) -> PyResult<bool> {
        let patience = match blocking {
            true => timeout,
            false if timeout == Patience::ENDLESS => Patience::NONE,
            false => {
                return Err(PyValueError::new_err(
                    "a timeout without blocking: give one of them",
                ));
            }
        };
        match take(py, self.get(py)?, name.as_ref(), weight, patience)? {
            Ok(_) => Ok(true),
            Err(AcquireError::Limited { .. }) => Ok(false),
            Err(reason) => Err(error::acquire(py, &reason)),
        }
    }

    /// Takes ``weight`` permits, all or none, waiting for its turn up to ``timeout`` seconds (-1:
    /// however long; 0: not at all).
    ///
    /// Raises ``Limited``, which says when to try again, or another ``AcquireError``.
    #[pyo3(
        signature = (name = Name::NONE, weight = Weight(1), timeout = Patience::ENDLESS),
        text_signature = "($self, name='', weight=1, timeout=-1)"
    )]
    fn acquire(
        &self,
        py: Python<'_>,
        name: Name<'_, '_>,
        weight: Weight,
        timeout: Patience,
    ) -> PyResult<Permit> {
        let held = Held::permit(py, self.get(py)?, name.as_ref(), weight, timeout)?;
        Ok(Permit::new(held))
    }

    /// Reserves ``weight`` permits whose turn comes within ``max_wait`` seconds (-1: however
    /// long), and does not wait for it.
    #[pyo3(
        signature = (name = Name::NONE, weight = Weight(1), max_wait = Patience::ENDLESS),
        text_signature = "($self, name='', weight=1, max_wait=-1)"
    )]
    fn reserve(
        &self,
        py: Python<'_>,
        name: Name<'_, '_>,
        weight: Weight,
        max_wait: Patience,
    ) -> PyResult<Reservation> {
        let held = Held::place(py, self.get(py)?, name.as_ref(), weight, max_wait)?;
        Ok(Reservation::new(held))
    }

    /// Takes ``weight`` permits if that is possible now, and returns ``None``; or else the limit
    /// of the rate that refuses, and how many microseconds it takes until it would not.
    fn refusal(
        &self,
        py: Python<'_>,
        name: Name<'_, '_>,
        weight: Weight,
    ) -> PyResult<Option<(u64, u128)>> {
        match self.get(py)?.try_acquire_n(name, weight.0) {
            Ok(_) => Ok(None),
            Err(AcquireError::Limited { retry_after, rate }) => {
                Ok(Some((rate.limit(), retry_after.as_micros())))
            }
            Err(reason) => Err(error::acquire(py, &reason)),
        }
    }

    /// Charges ``weight`` permits, and does not wait: for costs that are known only afterwards.
    /// Returns how many seconds those who come later wait for it.
    #[pyo3(
        signature = (name = Name::NONE, weight = Weight(1)),
        text_signature = "($self, name='', weight=1)"
    )]
    fn debit(&self, py: Python<'_>, name: Name<'_, '_>, weight: Weight) -> PyResult<f64> {
        let owed = self.get(py)?.debit(name, weight.0);
        let owed = owed.map_err(|reason| error::debit(py, &reason))?;
        Ok(owed.as_secs_f64())
    }

    /// Grants nothing to that name for so many seconds, in no process. Returns the end.
    fn pause(&self, py: Python<'_>, name: Name<'_, '_>, seconds: Seconds) -> PyResult<f64> {
        let end = self.get(py)?.pause(name, seconds.0);
        end.map(instant).map_err(|reason| error::pause(py, &reason))
    }

    /// Grants nothing to anybody for so many seconds. Returns the end.
    fn pause_all(&self, py: Python<'_>, seconds: Seconds) -> PyResult<f64> {
        let end = self.get(py)?.pause_all(seconds.0);
        end.map(instant).map_err(|reason| error::pause(py, &reason))
    }

    /// Pauses that name as a server asks for, or for as long as is possible.
    fn calm(&self, py: Python<'_>, name: Name<'_, '_>, seconds: Seconds) -> PyResult<()> {
        let limiter = self.get(py)?;
        let outcome = match limiter.pause(&name, seconds.0) {
            Err(PauseError::TooLong { longest, .. }) => limiter.pause(&name, longest),
            outcome => outcome,
        };
        outcome
            .map(drop)
            .map_err(|reason| error::pause(py, &reason))
    }

    /// Ends that name's pause; whether there was one.
    #[pyo3(signature = (name = Name::NONE), text_signature = "($self, name='')")]
    fn resume(&self, py: Python<'_>, name: Name<'_, '_>) -> PyResult<bool> {
        let outcome = self.get(py)?.resume(name);
        outcome.map_err(|reason| error::pause(py, &reason))
    }

    /// Ends the pause of all; whether there was one.
    fn resume_all(&self, py: Python<'_>) -> PyResult<bool> {
        let outcome = self.get(py)?.resume_all();
        outcome.map_err(|reason| error::pause(py, &reason))
    }

    /// The longest pause that is possible, in seconds.
    #[getter]
    fn longest_pause(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.get(py)?.longest_pause().as_secs_f64())
    }

    /// The rates in force.
    #[getter]
    fn rates(&self, py: Python<'_>) -> PyResult<Vec<Rate>> {
        Ok(self.get(py)?.rates().into_iter().map(Rate).collect())
    }

    /// Puts other rates in force, for all who use the limiter, from their next call on.
    fn set_rates(&self, py: Python<'_>, rates: &Bound<'_, PyAny>) -> PyResult<()> {
        let rates = rates_of(rates)?;
        self.ask(py, error::set_rates, |limiter| limiter.set_rates(rates))
    }

    /// How many seconds a request of ``weight`` would have to wait now. Takes nothing.
    #[pyo3(
        signature = (name = Name::NONE, weight = Weight(1)),
        text_signature = "($self, name='', weight=1)"
    )]
    fn waiting(&self, py: Python<'_>, name: Name<'_, '_>, weight: Weight) -> PyResult<f64> {
        let waiting = self.get(py)?.waiting(name, weight.0);
        let waiting = waiting.map_err(|reason| error::acquire(py, &reason))?;
        Ok(waiting.as_secs_f64())
    }

    /// The instant of the ``nth`` newest permit, from 0, of those that count in the widest window;
    /// ``None`` if there are not so many.
    #[pyo3(signature = (name = Name::NONE, nth = 0), text_signature = "($self, name='', nth=0)")]
    fn peek(&self, py: Python<'_>, name: Name<'_, '_>, nth: u64) -> PyResult<Option<f64>> {
        let stamp = self.get(py)?.peek(name, nth);
        let stamp = stamp.map_err(|reason| error::acquire(py, &reason))?;
        Ok(snapshot::maybe(stamp))
    }

    /// How many permits count in the widest window now, those that are waited for among them: of
    /// that name, or of all.
    #[pyo3(signature = (name = None))]
    fn count(&self, py: Python<'_>, name: Option<Name<'_, '_>>) -> PyResult<u64> {
        match name {
            Some(name) => {
                let name = name.as_ref();
                self.ask(py, error::acquire, |limiter| limiter.bucket(name).count())
            }
            None => self.ask(py, error::bucket, |limiter| limiter.count()),
        }
    }

    /// How many permits are waited for, of all names together.
    fn queued(&self, py: Python<'_>) -> PyResult<u64> {
        self.ask(py, error::bucket, |limiter| limiter.queued())
    }

    /// How much of each rate that name has used.
    #[pyo3(signature = (name = Name::NONE), text_signature = "($self, name='')")]
    fn usage<'py>(&self, py: Python<'py>, name: Name<'_, '_>) -> PyResult<Bound<'py, PyList>> {
        let name = name.as_ref();
        let usage = self.ask(py, error::acquire, |limiter| limiter.usage(name))?;
        let shown: PyResult<Vec<_>> = usage
            .iter()
            .map(|usage| snapshot::usage(py, usage))
            .collect();
        PyList::new(py, shown?)
    }

    /// The fields ``RateLimit-Policy`` and ``RateLimit``, as a response tells them.
    #[pyo3(signature = (name = Name::NONE), text_signature = "($self, name='')")]
    fn headers(&self, py: Python<'_>, name: Name<'_, '_>) -> PyResult<Vec<(String, String)>> {
        let name = name.as_ref();
        let usage = self.ask(py, error::acquire, |limiter| limiter.usage(name))?;
        Ok(web::told(&usage))
    }

    /// Forgets the permits of that name, or of all. Those who wait already keep their times.
    #[pyo3(signature = (name = None))]
    fn flush(&self, py: Python<'_>, name: Option<Name<'_, '_>>) -> PyResult<()> {
        match name {
            Some(name) => {
                let name = name.as_ref();
                self.ask(py, error::acquire, |limiter| limiter.bucket(name).flush())
            }
            None => self.ask(py, error::bucket, |limiter| limiter.flush()),
        }
    }

    /// Forgets permits that count in no window any more; how many. No limit depends on it.
    fn leak(&self, py: Python<'_>) -> PyResult<u64> {
        self.ask(py, error::bucket, |limiter| limiter.leak())
    }

    /// All names that have a bucket, in no order.
    fn buckets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let found: Vec<_> = self.ask(py, error::bucket, |limiter| {
            limiter.buckets().map(Iterator::collect)
        })?;
        let shown: PyResult<Vec<_>> = found
            .iter()
            .map(|found| snapshot::bucket(py, found))
            .collect();
        PyList::new(py, shown?)
    }

    /// Takes the name's bucket from it, at once and for everybody; whether it had one.
    fn dispose(&self, py: Python<'_>, name: Name<'_, '_>) -> PyResult<bool> {
        let name = name.as_ref();
        self.ask(py, error::acquire, |limiter| limiter.dispose(name))
    }

    /// What is in the limiter now.
    fn inspect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shown = self.ask(py, error::bucket, |limiter| limiter.inspect())?;
        snapshot::limiter(py, &shown)
    }

    /// For how many names there are buckets; ``None`` where one bucket takes all names.
    #[getter]
    fn keys(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        Ok(self.get(py)?.keys())
    }

    /// The name of the segment, if it has one.
    #[getter]
    fn name(&self) -> Option<&str> {
        match &self.options.site {
            Site::Named(name) => Some(name),
            _ => None,
        }
    }

    /// The time on the limiter's clock, in seconds.
    fn now(&self, py: Python<'_>) -> PyResult<f64> {
        let now = self.get(py)?.now();
        now.map(instant)
            .map_err(|reason| error::bucket(py, &reason))
    }

    /// How many requests a dry run has let pass that would have been refused, or made to wait.
    #[getter]
    fn would_have_refused(&self) -> u64 {
        self.limiter.would_have_refused()
    }

    /// Ends the use of this handle: later calls raise ``Closed``. The permits stay.
    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Whether this handle was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exc))]
    fn __exit__(&self, _exc: &Bound<'_, PyTuple>) {
        self.close();
    }

    fn __repr__(&self) -> String {
        let rates: Vec<String> = self
            .limiter
            .rates()
            .iter()
            .map(ToString::to_string)
            .collect();
        let place = match &self.options.site {
            Site::Memory => "in memory".into(),
            Site::Named(name) => format!("{name:?}"),
            Site::At(path) => format!("{path:?}"),
        };
        format!("<tidegate.Limiter {place}: {}>", rates.join(", "))
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<((Vec<Rate>,), Bound<'py, PyDict>)> {
        let (rates, keywords) = self.options.to_reopen(py)?;
        Ok(((rates,), keywords))
    }
}

/// Removes the segment of that name, and says whether there was one.
#[pyfunction]
pub fn remove(py: Python<'_>, name: &str) -> PyResult<bool> {
    let removed = py.detach(|| tidegate::remove(name));
    removed.map_err(|reason| error::open(py, &reason))
}

/// Removes the segment in that file, and says whether there was one.
#[pyfunction]
pub fn remove_at(py: Python<'_>, path: PathBuf) -> PyResult<bool> {
    let removed = py.detach(|| tidegate::remove_at(path));
    removed.map_err(|reason| error::open(py, &reason))
}

/// The names of all segments of this host, sorted, other users' among them.
#[pyfunction]
pub fn list_segments() -> PyResult<Vec<String>> {
    Ok(tidegate::list()?)
}
