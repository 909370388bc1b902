//! What a script answers: an array of numbers, of which the first says what it is about.

use super::fault::Fault;
use super::terms::InForce;
use crate::error::AcquireError;
use redis::Value;
use std::time::Duration;

/// An answer, but for its first number.
#[derive(Debug)]
pub enum Answer {
    /// What was asked for.
    Done(Vec<Value>),
    /// There is no such bucket.
    Missing,
    /// Other rates are in force than those that the question was asked by. Nothing was done.
    Stale(InForce),
    /// Not before that time has passed, because of the rate of that index.
    Limited(Duration, usize),
    /// Too many wait; until then.
    QueueFull(Duration),
    /// It can never be.
    TooHeavy,
    /// A pause, of that length from now on, that is too long.
    TooLong(Duration),
}

impl Answer {
    pub fn read(value: Value) -> Result<Self, Fault> {
        let Value::Array(mut parts) = value else {
            return Err(Fault::strange(format!("{value:?}")));
        };
        if parts.is_empty() {
            return Err(Fault::strange("it is empty"));
        }
        let rest = parts.split_off(1);
        let answer = match number(parts.first())? {
            0 => Self::Done(rest),
            1 => Self::Missing,
            2 => Self::Stale(in_force(rest.first())?),
            3 => Self::Limited(micros(rest.first())?, number(rest.get(1))? as usize),
            4 => Self::QueueFull(micros(rest.first())?),
            5 => Self::TooHeavy,
            6 => Self::TooLong(micros(rest.first())?),
            other => return Err(Fault::strange(format!("it begins with {other}"))),
        };
        Ok(answer)
    }

    /// A refusal, in the caller's words. `None` if it is none that a request may meet.
    pub fn refusal(self, weight: u64, in_force: &InForce) -> Option<AcquireError> {
        let error = match self {
            Self::Limited(retry_after, rate) => AcquireError::Limited {
                retry_after,
                rate: *in_force.rates.get(rate)?,
            },
            Self::QueueFull(retry_after) => AcquireError::QueueFull {
                weight,
                queue: in_force.terms.queue,
                retry_after,
            },
            Self::TooHeavy => AcquireError::WeightTooLarge {
                weight,
                rate: *in_force.rates.first()?,
            },
            _ => return None,
        };
        Some(error)
    }
}

/// A number of an answer.
pub fn number(value: Option<&Value>) -> Result<u64, Fault> {
    match value {
        Some(Value::Int(number)) => {
            u64::try_from(*number).map_err(|_| Fault::strange(format!("{number} is negative")))
        }
        other => Err(Fault::strange(format!("{other:?} is no number"))),
    }
}

/// A time of an answer.
pub fn micros(value: Option<&Value>) -> Result<Duration, Fault> {
    number(value).map(Duration::from_micros)
}

/// The terms in an answer.
pub fn in_force(value: Option<&Value>) -> Result<InForce, Fault> {
    let Some(Value::BulkString(bytes)) = value else {
        return Err(Fault::strange(format!("{value:?} is no text")));
    };
    let text = String::from_utf8_lossy(bytes);
    InForce::parse(&text).ok_or_else(|| Fault::damaged(text))
}
