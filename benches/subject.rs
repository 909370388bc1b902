//! Contenders of any kind in one list.

use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::bare::Swap;
use crate::baselines::{FileLock, Locked, RobustMutex, SpinLock};
use crate::contender::{Contender, Work};
use crate::harness::{grants, throughput};
use crate::latency::measure;
use crate::tide::Tide;

/// A [`Contender`] behind a pointer: the loops over its calls are compiled for
/// each, so that no call goes through the pointer.
pub trait Subject {
    /// In the words of a table.
    fn name(&self) -> &'static str;
    /// Calls per second of all `processes` together.
    fn throughput(&self, processes: usize, length: Duration) -> io::Result<f64>;
    /// How long single calls of `processes` take, in ticks of the counter.
    fn latency(&self, processes: usize, length: Duration) -> io::Result<Histogram<u64>>;
    /// How many permits `processes` take together until each is refused, or has `enough`.
    fn grants(&self, processes: usize, enough: u64) -> io::Result<u64>;
}

impl<C: Contender> Subject for C {
    fn name(&self) -> &'static str {
        Contender::name(self)
    }

    fn throughput(&self, processes: usize, length: Duration) -> io::Result<f64> {
        throughput(self, processes, length)
    }

    fn latency(&self, processes: usize, length: Duration) -> io::Result<Histogram<u64>> {
        measure(self, processes, length)
    }

    fn grants(&self, processes: usize, enough: u64) -> io::Result<u64> {
        grants(self, processes, enough)
    }
}

/// tidegate and all that it is compared with, ready for `work`.
pub fn subjects(work: Work) -> io::Result<Vec<Box<dyn Subject>>> {
    let rates = [work.limit()];
    let mut all: Vec<Box<dyn Subject>> = vec![
        Box::new(filled(Tide::new(&rates)?)?),
        Box::new(filled(Tide::by_processor(&rates)?)?),
    ];
    if work == Work::Admit {
        all.push(Box::new(Swap::new()?));
    }
    all.push(Box::new(filled(Locked::<RobustMutex>::new(&rates)?)?));
    all.push(Box::new(filled(
        Locked::<RobustMutex>::new(&rates)?.clock_first(),
    )?));
    all.push(Box::new(filled(Locked::<SpinLock>::new(&rates)?)?));
    all.push(Box::new(filled(
        Locked::<SpinLock>::new(&rates)?.clock_first(),
    )?));
    all.push(Box::new(filled(Locked::<FileLock>::new(&rates)?)?));
    Ok(all)
}

fn filled<C: Contender>(contender: C) -> io::Result<C> {
    contender.fill()?;
    Ok(contender)
}
