//! The bucket: what the trait asks for, and no more.

use super::file::{Locked, Log, LogFile};
use std::io;
use std::path::Path;
use std::time::Duration;
use tidegate::{
    AcquireError, BackendError, Bucket, BucketError, Clock, Grant, Item, Outcome, Rate, RateError,
    Timestamp, validate,
};

/// One bucket for all names, in a file.
pub struct FileBucket<C> {
    file: LogFile,
    rates: Vec<Rate>,
    clock: C,
}

/// When a request could be granted, and why not before.
struct Turn {
    at: u64,
    rate: Rate,
}

impl<C: Clock> FileBucket<C> {
    /// The bucket in that file, which is made by the first request. All who open it must give
    /// the same rates, and a clock that they share.
    pub fn new(
        path: &Path,
        rates: impl IntoIterator<Item = Rate>,
        clock: C,
    ) -> Result<Self, RateError> {
        let rates: Vec<Rate> = rates.into_iter().collect();
        validate(&rates)?;
        Ok(Self {
            file: LogFile::new(path),
            rates,
            clock,
        })
    }

    /// Locks the file, and forgets what counts no more. The clock is read while nobody else
    /// can write.
    fn lock(&self) -> Result<(Locked<'_>, u64), BucketError> {
        let mut locked = self.file.lock().map_err(failed("read"))?;
        let now = self.clock.now()?.as_micros();
        let widest = self.rates.iter().map(micros).max().unwrap_or(0);
        locked.log.permits.retain(|&(_, at)| at + widest > now);
        Ok((locked, now))
    }

    /// A request's turn, in a log that has forgotten what counts no more.
    fn turn(&self, log: &Log, now: u64, weight: u64) -> Result<Turn, AcquireError> {
        let narrowest = self.rates[0];
        if weight > narrowest.limit() {
            return Err(AcquireError::WeightTooLarge {
                weight,
                rate: narrowest,
            });
        }
        let mut turn = Turn {
            at: now,
            rate: narrowest,
        };
        if weight == 0 {
            return Ok(turn);
        }
        for &rate in &self.rates {
            // So many of the newest may stay in the window; the one before must have left.
            let stay = (rate.limit() - weight) as usize;
            if let Some((_, at)) = log.permits.iter().rev().nth(stay)
                && at + micros(&rate) > turn.at
            {
                turn = Turn {
                    at: at + micros(&rate),
                    rate,
                };
            }
        }
        // Nobody overtakes those who wait.
        if let Some(&(_, last)) = log.permits.last() {
            turn.at = turn.at.max(last);
        }
        Ok(turn)
    }
}

impl<C: Clock> Bucket for FileBucket<C> {
    fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        let (mut locked, now) = self.lock()?;
        let log = &mut locked.log;
        let turn = self.turn(log, now, item.weight)?;
        let wait = Duration::from_micros(turn.at - now);
        if wait > max_wait {
            return Err(AcquireError::Limited {
                retry_after: wait,
                rate: turn.rate,
            });
        }
        let queued = log.permits.iter().filter(|(_, at)| *at > now).count() as u64;
        if !wait.is_zero() && queued + item.weight > self.queue() {
            return Err(AcquireError::QueueFull {
                weight: item.weight,
                queue: self.queue(),
                retry_after: wait,
            });
        }
        let id = log.next;
        log.next += item.weight;
        log.permits
            .extend((id..log.next).map(|number| (number, turn.at)));
        if item.weight > 0 {
            locked.save().map_err(failed("write"))?;
        }
        let at = Timestamp::from_micros(turn.at);
        Ok(Grant::new(id, item.weight, at, wait))
    }

    fn give_back(&self, _: &[u8], grant: &Grant, weight: u64) -> Result<(), BucketError> {
        let (mut locked, _) = self.lock()?;
        let end = grant.id + grant.weight;
        let newest = end - weight.min(grant.weight)..end;
        let log = &mut locked.log;
        log.permits.retain(|(number, _)| !newest.contains(number));
        Ok(locked.save().map_err(failed("write"))?)
    }

    fn look(&self, item: Item<'_>) -> Result<(), AcquireError> {
        let (locked, now) = self.lock()?;
        let turn = self.turn(&locked.log, now, item.weight)?;
        match turn.at > now {
            false => Ok(()),
            true => Err(AcquireError::Limited {
                retry_after: Duration::from_micros(turn.at - now),
                rate: turn.rate,
            }),
        }
    }

    fn peek(&self, _: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
        let (locked, _) = self.lock()?;
        let mut newest = locked.log.permits.iter().rev();
        let nth = usize::try_from(nth).ok().and_then(|nth| newest.nth(nth));
        Ok(nth.map(|&(_, at)| Timestamp::from_micros(at)))
    }

    fn count(&self) -> Result<u64, BucketError> {
        Ok(self.lock()?.0.log.permits.len() as u64)
    }

    fn flush(&self) -> Result<(), BucketError> {
        let (mut locked, _) = self.lock()?;
        locked.log.permits.clear();
        Ok(locked.save().map_err(failed("write"))?)
    }

    fn rates(&self) -> Vec<Rate> {
        self.rates.clone()
    }

    fn now(&self) -> Result<Timestamp, BucketError> {
        Ok(self.clock.now()?)
    }
}

fn micros(rate: &Rate) -> u64 {
    rate.interval().as_micros() as u64
}

/// What the file did not do: then all is as it was.
fn failed(doing: &'static str) -> impl Fn(io::Error) -> BackendError {
    move |error| BackendError::new("the log file", doing, Outcome::Undone, error)
}
