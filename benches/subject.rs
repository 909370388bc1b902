//! Contenders of any kind in one list.

use std::io;
use std::time::Duration;

use crate::bare::Swap;
use crate::baselines::{FileLock, Locked, RobustMutex, SpinLock};
use crate::contender::{Contender, Work};
use crate::harness::throughput;
use crate::latency::{Latency, measure};
use crate::tide::Tide;

/// A [`Contender`] behind a pointer: the loops over its calls are compiled for
/// each, so that no call goes through the pointer.
pub trait Subject {
    /// In the words of a table.
    fn name(&self) -> &'static str;
    /// Calls per second of all `processes` together.
    fn throughput(&self, processes: usize, length: Duration) -> io::Result<f64>;
    /// How long single calls of `processes` take.
    fn latency(&self, processes: usize, length: Duration) -> io::Result<Latency>;
}

impl<C: Contender> Subject for C {
    fn name(&self) -> &'static str {
        Contender::name(self)
    }

    fn throughput(&self, processes: usize, length: Duration) -> io::Result<f64> {
        throughput(self, processes, length)
    }

    fn latency(&self, processes: usize, length: Duration) -> io::Result<Latency> {
        Ok(Latency::from(&measure(self, processes, length)?))
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
