//! How a bucket in a Redis server is asked for.

#[cfg(feature = "tokio")]
use super::RedisAsyncBucket;
use super::RedisBucket;
use super::answer::{Answer, in_force};
use super::core::{Core, Reach};
use super::fault::Fault;
use super::keys::Keys;
use super::node::Server;
use super::script::{self, Script};
use super::terms::{InForce, Terms, kind};
use crate::error::{BackendError, OpenError, Outcome};
use crate::rate::{Rate, validate};
use crate::spec::DEFAULT_QUEUE;
use redis::{Cmd, RedisError, Value};
use std::fmt;
use std::time::Duration;

/// What is asked of a bucket in a Redis server; see [`RedisBucket`].
#[must_use = "it makes no bucket before it is opened"]
pub struct RedisBuilder {
    server: Result<Server, RedisError>,
    name: String,
    rates: Vec<Rate>,
    queue: Option<u64>,
    by_name: bool,
    adopt: bool,
    override_rates: bool,
    patience: Option<Duration>,
}

/// What a new bucket would be, and the server has one already, or has it now.
struct Wish {
    reach: Reach,
    queue: Option<u64>,
    adopt: bool,
    override_rates: bool,
    terms: Option<Terms>,
    rates: Vec<Rate>,
}

/// What comes after the server has told its terms.
enum Met {
    /// They are in force.
    InForce(InForce),
    /// These are to be put in force.
    Override(String),
}

impl RedisBuilder {
    pub(super) fn over(server: Result<Server, RedisError>, name: String) -> Self {
        Self {
            server,
            name,
            rates: Vec::new(),
            queue: None,
            by_name: false,
            adopt: false,
            override_rates: false,
            patience: None,
        }
    }

    /// Adds a rate; the narrowest first.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rates.push(rate);
        self
    }

    /// Adds rates; the narrowest first.
    pub fn rates(mut self, rates: impl IntoIterator<Item = Rate>) -> Self {
        self.rates.extend(rates);
        self
    }

    /// How many permits may be waited for at once, for each name that is kept apart. By default
    /// 1,024, or the largest limit if that is more.
    pub fn queue(mut self, permits: u64) -> Self {
        self.queue = Some(permits);
        self
    }

    /// Each name gets the whole of the rates for itself. Without it, one bucket takes all names.
    pub fn keyed(mut self) -> Self {
        self.by_name = true;
        self
    }

    /// Takes the rates, the queue and the kind of a bucket that is there already, whatever they
    /// are. Without rates, there must be one.
    pub fn adopt(mut self) -> Self {
        self.adopt = true;
        self
    }

    /// Gives a bucket that is there already these rates, for everybody.
    pub fn override_rates(mut self) -> Self {
        self.override_rates = true;
        self
    }

    /// For how long one waits for a server that does not answer; 2 seconds by default. What was
    /// asked then may have been done or not. Less than a millisecond is taken for one.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Finds the bucket, or makes it.
    ///
    /// # Errors
    ///
    /// [`OpenError::Rates`] for rates that make no limit; [`OpenError::OtherRates`] and
    /// [`OpenError::OtherOption`] if the bucket is there, with other terms;
    /// [`OpenError::NoBucket`] if there is none to adopt; [`OpenError::Backend`] for a server
    /// that is not reached, or that refuses.
    pub fn open(self) -> Result<RedisBucket, OpenError> {
        let wish = self.wish()?;
        let keys = [Keys::new(&wish.reach.name, false).terms()];
        let asked = |script: &Script, arguments: &[String]| {
            let add = |command: &mut Cmd| {
                command.arg(arguments);
            };
            let lines = &wish.reach.here().lines;
            lines.run(&wish.reach.server, script, &keys, add)
        };
        let answer = asked(&script::OPEN, &[wish.new_terms()]).map_err(failed)?;
        let in_force = match wish.meet(answer)? {
            Met::InForce(in_force) => in_force,
            Met::Override(terms) => {
                let answer = asked(&script::STEER, &["rates".into(), terms]).map_err(failed)?;
                wish.overridden(answer)?
            }
        };
        Ok(RedisBucket(Core::new(wish.reach, in_force)))
    }

    /// The same, for those who do not block.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    #[cfg(feature = "tokio")]
    pub async fn open_async(self) -> Result<RedisAsyncBucket, OpenError> {
        let wish = self.wish()?;
        let keys = [Keys::new(&wish.reach.name, false).terms()];
        let asked = async |script: &'static Script, arguments: &[String]| {
            let add = |command: &mut Cmd| {
                command.arg(arguments);
            };
            let wire = &wish.reach.here().wire;
            wire.run(&wish.reach.server, script, &keys, add).await
        };
        let answer = asked(&script::OPEN, &[wish.new_terms()])
            .await
            .map_err(failed)?;
        let in_force = match wish.meet(answer)? {
            Met::InForce(in_force) => in_force,
            Met::Override(terms) => {
                let answer = asked(&script::STEER, &["rates".into(), terms]).await;
                wish.overridden(answer.map_err(failed)?)?
            }
        };
        Ok(RedisAsyncBucket(Core::new(wish.reach, in_force)))
    }

    fn wish(self) -> Result<Wish, OpenError> {
        let mut server = self.server.map_err(|error| {
            BackendError::new("Redis", "read the server's address", Outcome::Undone, error)
        })?;
        let adopts_only = self.adopt && self.rates.is_empty();
        if !adopts_only {
            validate(&self.rates)?;
        }
        let limit = self.rates.last().map_or(0, Rate::limit);
        let queue = self.queue.unwrap_or(limit.max(DEFAULT_QUEUE));
        let terms = Terms::new(&self.rates, queue, self.by_name);
        if let Some(patience) = self.patience {
            server.set_patience(patience);
        }
        Ok(Wish {
            reach: Reach::new(server, self.name),
            queue: self.queue,
            adopt: self.adopt,
            override_rates: self.override_rates,
            terms: (!adopts_only).then_some(terms),
            rates: self.rates,
        })
    }
}

impl Wish {
    /// What a new bucket is made with; nothing if none is to be made.
    fn new_terms(&self) -> String {
        self.terms.as_ref().map_or_else(String::new, Terms::text)
    }

    /// Compares what is wished for with what there is.
    fn meet(&self, answer: Value) -> Result<Met, OpenError> {
        let found = match Answer::read(answer).map_err(failed)? {
            Answer::Done(parts) => in_force(parts.first()).map_err(failed)?,
            _ => {
                let bucket = self.reach.label();
                return Err(OpenError::NoBucket { bucket });
            }
        };
        let Some(terms) = self.terms.as_ref().filter(|_| !self.adopt) else {
            return Ok(Met::InForce(found));
        };
        let differs = |what, asked: String, found: String| OpenError::OtherOption {
            bucket: self.reach.label(),
            what,
            asked,
            found,
        };
        if terms.by_name != found.terms.by_name {
            let [asked, found] = [terms, &found.terms].map(|terms| kind(terms.by_name).to_owned());
            return Err(differs("kind", asked, found));
        }
        if let Some(queue) = self.queue
            && queue != found.terms.queue
        {
            return Err(differs(
                "queue",
                queue.to_string(),
                found.terms.queue.to_string(),
            ));
        }
        if terms.windows == found.terms.windows {
            return Ok(Met::InForce(found));
        }
        if self.override_rates {
            let queue = found.terms.queue;
            return Ok(Met::Override(
                Terms {
                    queue,
                    ..terms.clone()
                }
                .text(),
            ));
        }
        Err(OpenError::OtherRates {
            bucket: self.reach.label(),
            asked: self.rates.clone(),
            found: found.rates,
        })
    }

    fn overridden(&self, answer: Value) -> Result<InForce, OpenError> {
        match Answer::read(answer).map_err(failed)? {
            Answer::Done(parts) => Ok(in_force(parts.first()).map_err(failed)?),
            _ => Err(failed(Fault::unsettled()).into()),
        }
    }
}

fn failed(fault: Fault) -> BackendError {
    fault.into_error("open the bucket")
}

impl fmt::Debug for RedisBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder")
            .field("name", &self.name)
            .field("rates", &self.rates)
            .finish_non_exhaustive()
    }
}
