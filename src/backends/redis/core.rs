//! What both kinds of bucket are made of: where it is, what holds there, and how an answer is
//! understood.

use super::answer::{Answer, in_force};
use super::fault::Fault;
use super::keys::Keys;
use super::lines::Lines;
use super::node::Server;
use super::question::{Numbers, Question};
use super::terms::{InForce, Terms};
#[cfg(feature = "tokio")]
use super::wire::Wire;
use crate::backends::by_process::ByProcess;
use crate::directory::MAX_KEY;
use crate::error::{AcquireError, BucketError};
use crate::rate::Rate;
use redis::{Cmd, Value};
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// How often one question is asked again because the rates have changed meanwhile.
pub const TRIES: u32 = 16;

/// A server, and a name that a bucket may have there.
pub struct Reach {
    pub server: Server,
    pub name: String,
    here: ByProcess<Here>,
}

/// What each process has for itself.
#[derive(Default)]
pub struct Here {
    /// As last learned; nothing if they are those that the bucket was opened with.
    in_force: RwLock<Option<Arc<InForce>>>,
    pub lines: Lines,
    #[cfg(feature = "tokio")]
    pub wire: Wire,
}

/// A bucket that was opened.
pub struct Core {
    pub reach: Reach,
    pub keys: Keys,
    opened: Arc<InForce>,
    closed: OnceLock<()>,
}

/// What came of a question.
pub enum Heard<A, E> {
    Answer(Result<A, E>),
    /// Other rates were in force, and are known now.
    Learned,
    /// The server has lost the bucket, or somebody has removed it.
    Missing,
}

impl Reach {
    pub fn new(server: Server, name: String) -> Self {
        Self {
            server,
            name,
            here: ByProcess::new(Here::default()),
        }
    }

    pub fn here(&self) -> &Here {
        self.here.here(Here::default)
    }

    pub fn label(&self) -> String {
        format!("redis:{}", self.name)
    }
}

impl Core {
    pub fn new(reach: Reach, in_force: InForce) -> Self {
        Self {
            keys: Keys::new(&reach.name, in_force.terms.by_name),
            reach,
            opened: Arc::new(in_force),
            closed: OnceLock::new(),
        }
    }

    pub fn here(&self) -> &Here {
        self.reach.here()
    }

    pub fn in_force(&self) -> Arc<InForce> {
        // Nobody leaves it half changed.
        let learned = self
            .here()
            .in_force
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        learned.as_ref().unwrap_or(&self.opened).clone()
    }

    pub fn learn(&self, in_force: InForce) {
        let mut learned = self
            .here()
            .in_force
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *learned = Some(Arc::new(in_force));
    }

    /// Takes what the script that opens a bucket has answered.
    pub fn learn_from(&self, answer: Value) -> Result<(), Fault> {
        match Answer::read(answer)? {
            Answer::Done(parts) => {
                self.learn(in_force(parts.first())?);
                Ok(())
            }
            _ => Err(Fault::unsettled()),
        }
    }

    /// Adds the arguments of a question about a name.
    pub fn add_arguments(
        &self,
        question: &impl Question,
        name: &[u8],
        in_force: &InForce,
        command: &mut Cmd,
    ) {
        let mut numbers = Numbers::default();
        numbers.add(in_force.flush).add(in_force.pause);
        question.add_numbers(in_force, &mut numbers);
        command.arg(&in_force.text).arg(numbers.packed());
        // Scripts need the name only where it is on a list.
        if self.keys.by_name() {
            command.arg(name);
        }
    }

    /// What the answer to a question means.
    pub fn hear<Q: Question>(
        &self,
        question: &Q,
        in_force: &InForce,
        answer: Value,
    ) -> Result<Heard<Q::Answer, Q::Error>, Fault> {
        Ok(match Answer::read(answer)? {
            Answer::Done(parts) => Heard::Answer(Ok(question.read(in_force, &parts)?)),
            Answer::Missing => Heard::Missing,
            Answer::Stale(other) => {
                if other.terms.by_name != self.keys.by_name() {
                    return Err(Fault::other_kind());
                }
                self.learn(other);
                Heard::Learned
            }
            other => {
                let words = format!("{other:?}");
                let refused = question.refuse(in_force, other);
                Heard::Answer(Err(refused.ok_or_else(|| Fault::strange(words))?))
            }
        })
    }

    /// Terms with other rates.
    pub fn other_terms(&self, rates: &[Rate]) -> String {
        let Terms { queue, by_name, .. } = self.in_force().terms;
        Terms::new(rates, queue, by_name).text()
    }

    pub fn close(&self) {
        // It may be closed already.
        let _ = self.closed.set(());
    }

    pub fn check_open(&self) -> Result<(), BucketError> {
        match self.closed.get() {
            None => Ok(()),
            Some(()) => Err(BucketError::Closed),
        }
    }
}

/// Whether it may be a name.
pub fn check_length(name: &[u8]) -> Result<(), AcquireError> {
    match name.len() {
        0..=MAX_KEY => Ok(()),
        length => Err(AcquireError::KeyTooLong { length }),
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("name", &self.reach.name)
            .field("in_force", &self.in_force())
            .finish_non_exhaustive()
    }
}
