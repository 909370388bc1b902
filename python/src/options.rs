//! How a limiter is asked for, and asked for again where it was pickled.

use crate::arguments::Seconds;
use crate::rate::Rate;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;
use std::time::Duration;
use tidegate::{Builder, Limiter, MemoryBucket, OpenError};

/// Where a limiter is.
#[derive(Clone)]
pub enum Site {
    Memory,
    Named(String),
    At(PathBuf),
}

/// All that was asked for.
#[derive(Clone)]
pub struct Options {
    pub site: Site,
    pub rates: Vec<tidegate::Rate>,
    pub keys: Option<u64>,
    pub queue: Option<u64>,
    pub capacity: Option<u64>,
    pub group: Option<u32>,
    pub adopt: bool,
    pub override_rates: bool,
    pub create_only: bool,
    pub attach_only: bool,
    pub lateness: Option<Duration>,
    pub buffer: Duration,
    pub jitter: Duration,
    pub dry_run: bool,
}

impl Options {
    /// Whether they contradict each other.
    pub fn check(&self) -> PyResult<()> {
        let wrong = |why| Err(PyValueError::new_err(why));
        if self.create_only && self.attach_only {
            return wrong("create_only and attach_only: give one of them, or none");
        }
        if self.rates.is_empty() && !self.attach_only && !self.adopt {
            return wrong(
                "there are no rates: give some, as in '10/s'; \
                 or attach_only=True or adopt=True for a segment that has its own",
            );
        }
        let is_of_segments = self.group.is_some()
            || self.adopt
            || self.override_rates
            || self.create_only
            || self.attach_only;
        if matches!(self.site, Site::Memory) && is_of_segments {
            return wrong(
                "group, adopt, override_rates, create_only and attach_only are for segments: \
                 give a name or a path, too",
            );
        }
        Ok(())
    }

    pub fn open(&self) -> Result<Limiter, OpenError> {
        match &self.site {
            Site::Memory => {
                let builder: Builder<MemoryBucket> = self.fill(Limiter::in_memory());
                builder.open()
            }
            Site::Named(name) => self.fill(Limiter::shared(name)).open(),
            Site::At(path) => self.fill(Limiter::at(path)).open(),
        }
    }

    fn fill<B>(&self, builder: Builder<B>) -> Builder<B> {
        let mut builder = builder
            .rates(self.rates.iter().copied())
            .buffer(self.buffer)
            .jitter(self.jitter);
        builder = give(builder, self.keys, Builder::keys);
        builder = give(builder, self.queue, Builder::queue);
        builder = give(builder, self.capacity, Builder::capacity);
        builder = give(builder, self.group, Builder::group);
        builder = give(builder, self.lateness, Builder::lateness);
        // Who brings no rates takes what there is.
        let adopts = self.adopt || self.rates.is_empty();
        builder = give(builder, adopts.then_some(()), |b, ()| b.adopt());
        let overrides = self.override_rates.then_some(());
        builder = give(builder, overrides, |b, ()| b.override_rates());
        builder = give(builder, self.create_only.then_some(()), |b, ()| {
            b.create_only()
        });
        builder = give(builder, self.attach_only.then_some(()), |b, ()| {
            b.attach_only()
        });
        give(builder, self.dry_run.then_some(()), |b, ()| b.dry_run())
    }

    /// The keyword arguments by which another process attaches to the same segment, whatever
    /// rates it has by then.
    pub fn to_reopen<'py>(&self, py: Python<'py>) -> PyResult<(Vec<Rate>, Bound<'py, PyDict>)> {
        let arguments = PyDict::new(py);
        match &self.site {
            Site::Memory => {
                return Err(PyTypeError::new_err(
                    "a limiter in memory is of one process and cannot be pickled: \
                     use Limiter.shared(name, ...)",
                ));
            }
            Site::Named(name) => arguments.set_item("name", name)?,
            Site::At(path) => arguments.set_item("path", path)?,
        }
        let seconds = |time: Duration| time.as_secs_f64();
        arguments.set_item("keys", self.keys)?;
        arguments.set_item("queue", self.queue)?;
        arguments.set_item("capacity", self.capacity)?;
        arguments.set_item("group", self.group)?;
        arguments.set_item("adopt", true)?;
        arguments.set_item("attach_only", self.attach_only)?;
        arguments.set_item("lateness", self.lateness.map(seconds))?;
        arguments.set_item("buffer", seconds(self.buffer))?;
        arguments.set_item("jitter", seconds(self.jitter))?;
        arguments.set_item("dry_run", self.dry_run)?;
        Ok((self.rates.iter().copied().map(Rate).collect(), arguments))
    }
}

/// Adds an option that was asked for.
fn give<B, T>(
    builder: Builder<B>,
    wish: Option<T>,
    add: impl FnOnce(Builder<B>, T) -> Builder<B>,
) -> Builder<B> {
    match wish {
        Some(wish) => add(builder, wish),
        None => builder,
    }
}

/// A time that need not be given.
pub fn time(seconds: Option<Seconds>) -> Duration {
    seconds.map_or(Duration::ZERO, |seconds| seconds.0)
}
