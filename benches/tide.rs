//! tidegate itself, through its public interface.

use std::io;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate::{AcquireError, Builder, Limiter, Rate};

use crate::contender::{Contender, Gate, Limit, Verdict};

/// A named segment, removed when its maker drops it.
pub struct Tide {
    title: &'static str,
    name: String,
    limiter: Limiter,
    maker: u32,
}

impl Tide {
    /// An empty bucket in a new segment.
    pub fn new(limits: &[Limit]) -> io::Result<Self> {
        Self::open("tidegate", limits, |builder| builder)
    }

    /// The same, counting by the processor's counter where the kernel trusts it.
    pub fn by_processor(limits: &[Limit]) -> io::Result<Self> {
        Self::open(
            "tidegate, processor's clock",
            limits,
            Builder::processor_clock,
        )
    }

    /// The same with room for so many who wait.
    pub fn with_queue(limits: &[Limit], queue: u64) -> io::Result<Self> {
        Self::open("tidegate", limits, |builder| builder.queue(queue))
    }

    /// A handle of it.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    fn open(
        title: &'static str,
        limits: &[Limit],
        more: impl FnOnce(Builder) -> Builder,
    ) -> io::Result<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let maker = process::id();
        let name = format!("bench-{maker}-{}", MADE.fetch_add(1, Ordering::Relaxed));
        let rates = limits
            .iter()
            .map(|rate| Rate::new(rate.limit, rate.interval));
        let builder = more(Limiter::shared(&name).rates(rates));
        let limiter = builder.create_only().open().map_err(io::Error::other)?;
        Ok(Self {
            title,
            name,
            limiter,
            maker,
        })
    }
}

impl Drop for Tide {
    fn drop(&mut self) {
        if self.maker == process::id() {
            let _ = tidegate::remove(&self.name);
        }
    }
}

impl Contender for Tide {
    type Gate<'a> = &'a Limiter;

    fn name(&self) -> &'static str {
        self.title
    }

    fn enter(&self) -> io::Result<&Limiter> {
        Ok(&self.limiter)
    }
}

impl Gate for &Limiter {
    #[inline]
    fn try_acquire(&self) -> Verdict {
        match Limiter::try_acquire(self, "") {
            Ok(permit) => Ok(permit.at().as_micros()),
            Err(AcquireError::Limited { retry_after, .. }) => Err(retry_after.as_micros() as u64),
            Err(error) => panic!("{error}"),
        }
    }
}
