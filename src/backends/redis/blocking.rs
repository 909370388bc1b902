//! The bucket for those who block.

use super::RedisBucket;
use super::core::{Heard, TRIES, check_length};
use super::fault::Fault;
use super::question::{
    Count, Dispose, GiveBack, LONGEST_PAUSE, Leak, Look, Pause, Paused, Peek, Put, Question,
    UsageOf,
};
use super::script::{self, Script};
use super::steer::{self, Steered, Steering, Walk};
use crate::bucket::{Bucket, Grant, Item, Usage};
use crate::error::{AcquireError, BackendError, BucketError, PauseError, SetRatesError};
use crate::rate::{Rate, validate};
use crate::timestamp::Timestamp;
use redis::{Cmd, Value};
use std::time::Duration;

impl RedisBucket {
    fn ask<Q: Question>(&self, name: &[u8], question: &Q) -> Result<Q::Answer, Q::Error> {
        self.0.check_open()?;
        let answer = self.answer(name, question);
        answer.map_err(|fault| fault.into_error(Q::DOING))?
    }

    fn answer<Q: Question>(
        &self,
        name: &[u8],
        question: &Q,
    ) -> Result<Result<Q::Answer, Q::Error>, Fault> {
        let keys = self.0.keys.of(name);
        for _ in 0..TRIES {
            let in_force = self.0.in_force();
            let add = |command: &mut Cmd| {
                self.0.add_arguments(question, name, &in_force, command);
            };
            let answer = self.run(question.script(), &keys, add)?;
            match self.0.hear(question, &in_force, answer)? {
                Heard::Answer(answer) => return Ok(answer),
                Heard::Learned => {}
                Heard::Missing => self.make_anew()?,
            }
        }
        Err(Fault::unsettled())
    }

    fn run(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        add_arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, Fault> {
        let server = &self.0.reach.server;
        self.0.here().lines.run(server, script, keys, add_arguments)
    }

    fn tell(&self, command: &Cmd, doing: &'static str) -> Result<Value, BackendError> {
        let answer = self.0.here().lines.ask(&self.0.reach.server, command);
        answer.map_err(|fault| fault.into_error(doing))
    }

    fn make_anew(&self) -> Result<(), Fault> {
        let terms = self.0.in_force().terms.text();
        let add = |command: &mut Cmd| {
            command.arg(&terms);
        };
        self.0
            .learn_from(self.run(&script::OPEN, &[self.0.keys.terms()], add)?)
    }

    /// Whether there was a pause before; `Err` inside for one that is too long.
    fn steer(&self, steering: &Steering) -> Result<Result<bool, PauseError>, Fault> {
        for _ in 0..TRIES {
            let add = |command: &mut Cmd| steering.add_arguments(command);
            let answer = self.run(&script::STEER, &[self.0.keys.terms()], add)?;
            match Steering::read(answer)? {
                Steered::Done(in_force, was_paused) => {
                    self.0.learn(in_force);
                    return Ok(Ok(was_paused));
                }
                Steered::Missing => self.make_anew()?,
                Steered::TooLong(error) => return Ok(Err(error)),
            }
        }
        Err(Fault::unsettled())
    }

    fn pause_all(&self, until: Option<Timestamp>) -> Result<bool, PauseError> {
        self.0.check_open()?;
        let steered = self.steer(&Steering::Pause(until));
        steered.map_err(|fault| fault.into_error("pause all names"))?
    }

    fn names(&self) -> Result<Vec<Vec<u8>>, BucketError> {
        self.0.check_open()?;
        if !self.0.keys.by_name() {
            return Ok(vec![Vec::new()]);
        }
        let doing = "list the names";
        let mut walk = Walk::default();
        loop {
            let page = self.tell(&walk.command(&self.0.keys), doing)?;
            if walk
                .is_over(page)
                .map_err(|fault| fault.into_error(doing))?
            {
                return Ok(walk.names().collect());
            }
        }
    }

    fn total(&self, question: &Count) -> Result<u64, BucketError> {
        let names = self.names()?;
        names.iter().map(|name| self.ask(name, question)).sum()
    }

    /// Removes the bucket from the server, with all its names and rates. Those who still use it
    /// make it anew.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub fn remove(&self) -> Result<(), BucketError> {
        for name in self.names()? {
            if let Err(AcquireError::Bucket(error)) = self.ask(&name, &Dispose) {
                return Err(error);
            }
        }
        self.tell(&steer::remove(&self.0.keys), "remove the bucket")?;
        Ok(())
    }
}

impl Bucket for RedisBucket {
    fn put(&self, item: Item<'_>, max_wait: Duration) -> Result<Grant, AcquireError> {
        check_length(item.name)?;
        self.ask(item.name, &Put { item, max_wait })
    }

    fn give_back(&self, name: &[u8], grant: &Grant, weight: u64) -> Result<(), BucketError> {
        self.ask(name, &GiveBack { grant, weight })
    }

    fn look(&self, item: Item<'_>) -> Result<(), AcquireError> {
        check_length(item.name)?;
        self.ask(item.name, &Look(item))
    }

    fn peek(&self, name: &[u8], nth: u64) -> Result<Option<Timestamp>, AcquireError> {
        check_length(name)?;
        self.ask(name, &Peek(nth))
    }

    fn usage(&self, name: &[u8]) -> Result<Vec<Usage>, AcquireError> {
        check_length(name)?;
        self.ask(name, &UsageOf)
    }

    fn count(&self) -> Result<u64, BucketError> {
        self.total(&Count::Widest)
    }

    fn queued(&self) -> Result<u64, BucketError> {
        self.total(&Count::Ahead)
    }

    fn flush(&self) -> Result<(), BucketError> {
        self.0.check_open()?;
        let steered = self.steer(&Steering::Flush);
        let _ = steered.map_err(|fault| fault.into_error("forget all permits"))?;
        Ok(())
    }

    fn leak(&self) -> Result<u64, BucketError> {
        let mut total = 0;
        for name in self.names()? {
            loop {
                let (permits, is_more) = self.ask(&name, &Leak)?;
                total += permits;
                if !is_more {
                    break;
                }
            }
        }
        Ok(total)
    }

    fn dispose(&self, name: &[u8]) -> Result<bool, AcquireError> {
        check_length(name)?;
        Ok(self.0.keys.by_name() && self.ask(name, &Dispose)?)
    }

    fn pause(&self, name: Option<&[u8]>, until: Timestamp) -> Result<(), PauseError> {
        let Some(name) = name else {
            return self.pause_all(Some(until)).map(drop);
        };
        check_length(name)?;
        self.ask(name, &Pause(Some(until))).map(drop)
    }

    fn resume(&self, name: Option<&[u8]>) -> Result<bool, PauseError> {
        let Some(name) = name else {
            return self.pause_all(None);
        };
        check_length(name)?;
        self.ask(name, &Pause(None))
    }

    fn paused(&self, name: &[u8]) -> Result<Duration, BucketError> {
        self.ask(name, &Paused)
    }

    fn longest_pause(&self) -> Duration {
        LONGEST_PAUSE
    }

    fn rates(&self) -> Vec<Rate> {
        self.0.in_force().rates.clone()
    }

    fn queue(&self) -> u64 {
        self.0.in_force().terms.queue
    }

    fn set_rates(&self, rates: &[Rate]) -> Result<(), SetRatesError> {
        validate(rates)?;
        self.0.check_open()?;
        let steered = self.steer(&Steering::Rates(self.0.other_terms(rates)));
        let _ = steered.map_err(|fault| fault.into_error("set the rates"))?;
        Ok(())
    }

    fn now(&self) -> Result<Timestamp, BucketError> {
        self.0.check_open()?;
        let keys = [self.0.keys.terms()];
        let answer = self.run(&script::TIME, &keys, |_| {});
        let time = answer.and_then(steer::read_time);
        Ok(time.map_err(|fault| fault.into_error("tell the time"))?)
    }

    fn close(&self) -> Result<(), BucketError> {
        self.0.close();
        self.0.here().lines.close();
        Ok(())
    }

    fn label(&self) -> String {
        self.0.reach.label()
    }
}
