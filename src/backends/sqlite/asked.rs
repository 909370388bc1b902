//! What a bucket is asked, each in one transaction.

use super::SqliteBucket;
use super::clean::{self, Progress};
use super::link::Aim;
use super::terms::Terms;
use crate::bucket::{Bucket, Grant, Item, Usage};
use crate::error::{AcquireError, BucketError, PauseError, SetRatesError};
use crate::rate::{Rate, validate};
use crate::sync::Ordering;
use crate::timestamp::Timestamp;
use std::time::Duration;

impl Bucket for SqliteBucket {
    fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        self.check_name(item.name)?;
        if item.weight == 0 {
            return Ok(Grant::new(0, 0, self.now()?, Duration::ZERO));
        }
        // Relaxed, both: a hint. Who is refused by what was true a moment ago is refused.
        if self.was_refused.load(Ordering::Relaxed) > 0 {
            self.judge(item, max_wait)?;
        }
        let taken = self.take(item, max_wait);
        let was_refused = u64::from(taken.is_err());
        self.was_refused.store(was_refused, Ordering::Relaxed);
        taken
    }

    fn give_back(&self, name: &[u8], grant: &Grant, weight: u64) -> Result<(), BucketError> {
        let weight = weight.min(grant.weight);
        if weight == 0 {
            return Ok(());
        }
        self.transact("give permits back", Aim::Write, |db| {
            let mut state = self.state(db, name)?;
            let at = state.at();
            let Some(book) = &mut state.book else {
                return Ok(());
            };
            let Some(run) = book.find(grant.id, grant.at)? else {
                return Ok(());
            };
            if at.counts(run.at) && grant.weight <= run.weight {
                let end = run.start + grant.weight;
                book.void(end - weight, end)?;
            }
            Ok(())
        })
    }

    fn look(&self, item: Item<'_>) -> Result<(), AcquireError> {
        self.check_name(item.name)?;
        match item.weight {
            0 => self.now().map(drop).map_err(Into::into),
            _ => self.judge(item, Duration::ZERO),
        }
    }

    fn peek(&self, name: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
        self.check_name(name)?;
        let peeked = self.transact("peek", Aim::Read, |db| {
            let state = self.state(db, name)?;
            let instant = state.nth(nth.saturating_add(1))?;
            Ok(instant.filter(|&instant| state.at().counts(instant)))
        })?;
        Ok(peeked.map(Timestamp::from_micros))
    }

    fn usage(&self, name: &[u8]) -> Result<Vec<Usage>, AcquireError> {
        self.check_name(name)?;
        let usage = self.transact("tell what is used", Aim::Read, |db| {
            let state = self.state(db, name)?;
            let rates = state.terms.rates.iter().zip(&state.terms.windows);
            let usages = rates.map(|(&rate, window)| {
                let leaves = |instant: u64| instant.saturating_add(window.interval);
                let used = state.how_many(|instant| leaves(instant) > state.now)?;
                let first = match used {
                    0 => None,
                    used => state.nth(used)?,
                };
                let resets_in = first.map_or(Duration::ZERO, |at| state.until(leaves(at)));
                Ok(Usage::new(rate, used, resets_in))
            });
            usages.collect()
        })?;
        Ok(usage)
    }

    fn count(&self) -> Result<u64, BucketError> {
        self.sum("count permits", |at, instant| at.counts(instant))
    }

    fn queued(&self) -> Result<u64, BucketError> {
        self.sum("count who waits", |at, instant| instant > at.now)
    }

    fn flush(&self) -> Result<(), BucketError> {
        self.transact("flush", Aim::Write, |db| clean::flush(db, &self.sql))
    }

    fn leak(&self) -> Result<u64, BucketError> {
        let mut progress = Progress::BEGINNING;
        while !progress.is_done {
            progress = self.transact("leak", Aim::Write, |db| {
                let state = self.state(db, b"")?;
                self.note_time(db, &state)?;
                clean::leak(db, &self.sql, progress, state.at(), self.is_keyed)
            })?;
        }
        Ok(progress.forgotten)
    }

    fn dispose(&self, name: &[u8]) -> Result<bool, AcquireError> {
        self.check_name(name)?;
        if !self.is_keyed {
            return Ok(false);
        }
        let was_known = self.transact("dispose of a name", Aim::Write, |db| {
            let head = self.head(db, name)?;
            let Some((id, voided)) = head.name else {
                return Ok(false);
            };
            clean::dispose(db, &self.sql, id, voided, head.next)?;
            Ok(true)
        })?;
        Ok(was_known)
    }

    fn pause(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
        if let Some(name) = name {
            self.check_name(name)?;
        }
        let (now, longest) = (self.now()?, self.longest_pause());
        let asked = until.duration_since(now);
        if asked > longest {
            return Err(PauseError::TooLong { asked, longest });
        }
        let until = until.as_micros();
        self.transact("pause", Aim::Write, |db| {
            let state = self.state(db, name.unwrap_or(b""))?;
            if until <= state.now {
                return Ok(());
            }
            match name {
                None => {
                    let mut pause = db.prepare_cached(&self.sql.pause_all)?;
                    pause.execute([until])?;
                }
                Some(name) => {
                    let id = self.known(db, name, state.at())?;
                    let mut pause = db.prepare_cached(&self.sql.pause_name)?;
                    pause.execute((id, until))?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    fn resume(&self, name: Option<&[u8]>) -> Result<bool, PauseError> {
        if let Some(name) = name {
            self.check_name(name)?;
        }
        let was_paused = self.transact("resume", Aim::Write, |db| {
            let state = self.state(db, name.unwrap_or(b""))?;
            let changed = match name {
                None => db.execute(&self.sql.resume_all, [state.now])?,
                Some(name) => db.execute(&self.sql.resume_name, (name, state.now))?,
            };
            Ok(changed > 0)
        })?;
        Ok(was_paused)
    }

    fn paused(&self, name: &[u8]) -> Result<Duration, BucketError> {
        self.transact("look for a pause", Aim::Read, |db| {
            let head = self.head(db, name)?;
            let left = head.paused_until.saturating_sub(self.time.clock()?);
            Ok(Duration::from_micros(left))
        })
    }

    fn longest_pause(&self) -> Duration {
        /// 35 years, as in a segment: more than any interval.
        const LONGEST: Duration = Duration::from_micros(1 << 50);
        LONGEST
    }

    fn rates(&self) -> Vec<Rate> {
        self.terms().rates.clone()
    }

    fn queue(&self) -> u64 {
        self.terms().queue
    }

    fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
        validate(rates)?;
        let terms = self.transact("change the rates", Aim::Write, |db| {
            let found = Terms::read(db, &self.sql)?;
            Terms::new(found.version, rates.to_vec(), found.queue).write(db, &self.sql)
        })?;
        self.set_terms(terms);
        Ok(())
    }

    fn now(&self) -> Result<Timestamp, BucketError> {
        Ok(Timestamp::from_micros(self.time.now()?))
    }

    fn close(&self) -> Result<(), BucketError> {
        self.store.close()
    }

    fn label(&self) -> String {
        self.store.path().display().to_string()
    }
}
