//! What holds for a name, and what is answered for it, within one transaction.

use super::book::Book;
use super::clean::At;
use super::fault::Fault;
use super::terms::Terms;
use crate::backends::turn::{Request, Turn, turn};
use crate::error::AcquireError;
use std::sync::Arc;
use std::time::Duration;

/// What holds for a name, found by one question.
pub struct Head {
    pub version: u64,
    pub next: u64,
    pub latest: u64,
    pub seen: u64,
    pub paused_until: u64,
    pub name: Option<(i64, u64)>,
}

/// A name's state, in a transaction.
pub struct State<'d> {
    pub terms: Arc<Terms>,
    pub head: Head,
    /// `None` for a name that is not known.
    pub book: Option<Book<'d>>,
    /// What the clock says.
    pub clock: u64,
    /// The time, which is ahead of a clock that was set back.
    pub now: u64,
}

impl State<'_> {
    pub fn nth(&self, n: u64) -> Result<Option<u64>, Fault> {
        match &self.book {
            Some(book) => book.nth(n),
            None => Ok(None),
        }
    }

    pub fn how_many(&self, counts: impl Fn(u64) -> bool) -> Result<u64, Fault> {
        match &self.book {
            Some(book) => book.how_many(counts),
            None => Ok(0),
        }
    }

    pub fn at(&self) -> At {
        At::new(self.now, &self.terms)
    }

    /// From what the clock says until then.
    pub fn until(&self, instant: u64) -> Duration {
        Duration::from_micros(instant.saturating_sub(self.clock))
    }

    /// The instant from which a request may go, or why there is none.
    pub fn judge(
        &self,
        weight: u64,
        max_wait: Duration,
    ) -> Result<Result<u64, AcquireError>, Fault> {
        let terms = &self.terms;
        if weight > terms.smallest().limit() {
            let rate = terms.smallest();
            return Ok(Err(AcquireError::WeightTooLarge { weight, rate }));
        }
        let request = Request {
            weight,
            now: self.now,
            paused_until: self.head.paused_until,
            latest: self.clock.saturating_add(micros(max_wait)),
            queue: terms.queue,
        };
        Ok(match turn(&terms.windows, &request, |n| self.nth(n))? {
            Turn::At(instant) => Ok(instant),
            Turn::Late { ready, window } => Err(AcquireError::Limited {
                retry_after: self.until(ready),
                rate: terms.rates[window],
            }),
            Turn::QueueFull { ready } => Err(AcquireError::QueueFull {
                weight,
                queue: terms.queue,
                retry_after: self.until(ready),
            }),
        })
    }
}

/// A duration in microseconds, rounded down.
fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}
