//! The bucket for those who do not block.

use super::RedisAsyncBucket;
use super::core::{Heard, TRIES, check_length};
use super::fault::Fault;
use super::question::{
    Count, Dispose, GiveBack, LONGEST_PAUSE, Leak, Look, Pause, Paused, Peek, Put, Question,
    UsageOf,
};
use super::script::{self, Script};
use super::steer::{self, Steered, Steering, Walk};
use crate::bucket::{Answer, AsyncBucket, Grant, Item, Usage};
use crate::error::{AcquireError, BackendError, BucketError, PauseError, SetRatesError};
use crate::rate::{Rate, validate};
use crate::timestamp::Timestamp;
use redis::{Cmd, Value};
use std::time::Duration;

impl RedisAsyncBucket {
    async fn ask<Q: Question>(&self, name: &[u8], question: &Q) -> Result<Q::Answer, Q::Error> {
        self.0.check_open()?;
        let answer = self.answer(name, question).await;
        answer.map_err(|fault| fault.into_error(Q::DOING))?
    }

    async fn answer<Q: Question>(
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
            let answer = self.run(question.script(), &keys, add).await?;
            match self.0.hear(question, &in_force, answer)? {
                Heard::Answer(answer) => return Ok(answer),
                Heard::Learned => {}
                Heard::Missing => self.make_anew().await?,
            }
        }
        Err(Fault::unsettled())
    }

    async fn run(
        &self,
        script: &'static Script,
        keys: &[Vec<u8>],
        add_arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, Fault> {
        let server = &self.0.reach.server;
        let wire = &self.0.here().wire;
        wire.run(server, script, keys, add_arguments).await
    }

    async fn tell(&self, command: &Cmd, doing: &'static str) -> Result<Value, BackendError> {
        let answer = self.0.here().wire.ask(&self.0.reach.server, command).await;
        answer.map_err(|fault| fault.into_error(doing))
    }

    async fn make_anew(&self) -> Result<(), Fault> {
        let terms = self.0.in_force().terms.text();
        let add = |command: &mut Cmd| {
            command.arg(&terms);
        };
        self.0
            .learn_from(self.run(&script::OPEN, &[self.0.keys.terms()], add).await?)
    }

    /// Whether there was a pause before; `Err` inside for one that is too long.
    async fn steer(&self, steering: &Steering) -> Result<Result<bool, PauseError>, Fault> {
        for _ in 0..TRIES {
            let add = |command: &mut Cmd| steering.add_arguments(command);
            let answer = self
                .run(&script::STEER, &[self.0.keys.terms()], add)
                .await?;
            match Steering::read(answer)? {
                Steered::Done(in_force, was_paused) => {
                    self.0.learn(in_force);
                    return Ok(Ok(was_paused));
                }
                Steered::Missing => self.make_anew().await?,
                Steered::TooLong(error) => return Ok(Err(error)),
            }
        }
        Err(Fault::unsettled())
    }

    async fn pause_all(&self, until: Option<Timestamp>) -> Result<bool, PauseError> {
        self.0.check_open()?;
        let steered = self.steer(&Steering::Pause(until)).await;
        steered.map_err(|fault| fault.into_error("pause all names"))?
    }

    async fn names(&self) -> Result<Vec<Vec<u8>>, BucketError> {
        self.0.check_open()?;
        if !self.0.keys.by_name() {
            return Ok(vec![Vec::new()]);
        }
        let doing = "list the names";
        let mut walk = Walk::default();
        loop {
            let page = self.tell(&walk.command(&self.0.keys), doing).await?;
            if walk
                .is_over(page)
                .map_err(|fault| fault.into_error(doing))?
            {
                return Ok(walk.names().collect());
            }
        }
    }

    async fn total(&self, question: &Count) -> Result<u64, BucketError> {
        let names = self.names().await?;
        let mut total = 0;
        for name in &names {
            total += self.ask(name, question).await?;
        }
        Ok(total)
    }

    /// Removes the bucket from the server, with all its names and rates. Those who still use it
    /// make it anew.
    ///
    /// # Errors
    ///
    /// See [`BucketError`].
    pub async fn remove(&self) -> Result<(), BucketError> {
        for name in self.names().await? {
            if let Err(AcquireError::Bucket(error)) = self.ask(&name, &Dispose).await {
                return Err(error);
            }
        }
        self.tell(&steer::remove(&self.0.keys), "remove the bucket")
            .await?;
        Ok(())
    }

    async fn leak_all(&self) -> Result<u64, BucketError> {
        let mut total = 0;
        for name in self.names().await? {
            loop {
                let (permits, is_more) = self.ask(&name, &Leak).await?;
                total += permits;
                if !is_more {
                    break;
                }
            }
        }
        Ok(total)
    }
}

impl AsyncBucket for RedisAsyncBucket {
    fn put<'a>(
        &'a self,
        item: Item<'a>,
        max_wait: Duration,
    ) -> Answer<'a, Result<Grant, AcquireError>> {
        Box::pin(async move {
            check_length(item.name)?;
            self.ask(item.name, &Put { item, max_wait }).await
        })
    }

    fn give_back<'a>(
        &'a self,
        name: &'a [u8],
        grant: &'a Grant,
        weight: u64,
    ) -> Answer<'a, Result<(), BucketError>> {
        Box::pin(async move { self.ask(name, &GiveBack { grant, weight }).await })
    }

    fn look<'a>(&'a self, item: Item<'a>) -> Answer<'a, Result<(), AcquireError>> {
        Box::pin(async move {
            check_length(item.name)?;
            self.ask(item.name, &Look(item)).await
        })
    }

    fn peek<'a>(
        &'a self,
        name: &'a [u8],
        nth: u64,
    ) -> Answer<'a, Result<Option<Timestamp>, AcquireError>> {
        Box::pin(async move {
            check_length(name)?;
            self.ask(name, &Peek(nth)).await
        })
    }

    fn usage<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Vec<Usage>, AcquireError>> {
        Box::pin(async move {
            check_length(name)?;
            self.ask(name, &UsageOf).await
        })
    }

    fn count(&self) -> Answer<'_, Result<u64, BucketError>> {
        Box::pin(self.total(&Count::Widest))
    }

    fn queued(&self) -> Answer<'_, Result<u64, BucketError>> {
        Box::pin(self.total(&Count::Ahead))
    }

    fn flush(&self) -> Answer<'_, Result<(), BucketError>> {
        Box::pin(async move {
            self.0.check_open()?;
            let steered = self.steer(&Steering::Flush).await;
            let _ = steered.map_err(|fault| fault.into_error("forget all permits"))?;
            Ok(())
        })
    }

    fn leak(&self) -> Answer<'_, Result<u64, BucketError>> {
        Box::pin(self.leak_all())
    }

    fn dispose<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<bool, AcquireError>> {
        Box::pin(async move {
            check_length(name)?;
            Ok(self.0.keys.by_name() && self.ask(name, &Dispose).await?)
        })
    }

    fn pause<'a>(
        &'a self,
        name: Option<&'a [u8]>,
        until: Timestamp,
    ) -> Answer<'a, Result<(), PauseError>> {
        Box::pin(async move {
            let Some(name) = name else {
                return self.pause_all(Some(until)).await.map(drop);
            };
            check_length(name)?;
            self.ask(name, &Pause(Some(until))).await.map(drop)
        })
    }

    fn resume<'a>(&'a self, name: Option<&'a [u8]>) -> Answer<'a, Result<bool, PauseError>> {
        Box::pin(async move {
            let Some(name) = name else {
                return self.pause_all(None).await;
            };
            check_length(name)?;
            self.ask(name, &Pause(None)).await
        })
    }

    fn paused<'a>(&'a self, name: &'a [u8]) -> Answer<'a, Result<Duration, BucketError>> {
        Box::pin(self.ask(name, &Paused))
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

    fn set_rates<'a>(&'a self, rates: &'a [Rate]) -> Answer<'a, Result<(), SetRatesError>> {
        Box::pin(async move {
            validate(rates)?;
            self.0.check_open()?;
            let steered = self
                .steer(&Steering::Rates(self.0.other_terms(rates)))
                .await;
            let _ = steered.map_err(|fault| fault.into_error("set the rates"))?;
            Ok(())
        })
    }

    fn now(&self) -> Answer<'_, Result<Timestamp, BucketError>> {
        Box::pin(async move {
            self.0.check_open()?;
            let keys = [self.0.keys.terms()];
            let answer = self.run(&script::TIME, &keys, |_| {}).await;
            let time = answer.and_then(steer::read_time);
            Ok(time.map_err(|fault| fault.into_error("tell the time"))?)
        })
    }

    fn close(&self) -> Answer<'_, Result<(), BucketError>> {
        Box::pin(async move {
            self.0.close();
            self.0.here().wire.close().await;
            Ok(())
        })
    }

    fn label(&self) -> String {
        self.0.reach.label()
    }
}
