//! What is asked of the server that is about no name, or about all.

use super::answer::{Answer, in_force, number};
use super::fault::Fault;
use super::keys::Keys;
use super::question::{LONGEST_PAUSE, pause_end, refuse_pause};
use super::terms::InForce;
use crate::error::PauseError;
use crate::timestamp::Timestamp;
use redis::{Cmd, Value, cmd};
use std::collections::HashSet;

/// What is changed for all names.
pub enum Steering {
    /// These terms are in force from now on.
    Rates(String),
    /// All are paused until then; nothing: no more.
    Pause(Option<Timestamp>),
    /// All permits are forgotten.
    Flush,
}

/// What came of it.
pub enum Steered {
    /// It was done; there was a pause before, or not.
    Done(InForce, bool),
    /// There is no such bucket.
    Missing,
    TooLong(PauseError),
}

impl Steering {
    pub fn add_arguments(&self, command: &mut Cmd) {
        match self {
            Self::Rates(terms) => command.arg("rates").arg(terms),
            Self::Pause(until) => command
                .arg("pause")
                .arg(pause_end(*until))
                .arg(LONGEST_PAUSE.as_micros() as u64),
            Self::Flush => command.arg("flush"),
        };
    }

    pub fn read(answer: Value) -> Result<Steered, Fault> {
        match Answer::read(answer)? {
            Answer::Done(parts) => {
                let was_paused = number(parts.get(1))? > 0;
                Ok(Steered::Done(in_force(parts.first())?, was_paused))
            }
            Answer::Missing => Ok(Steered::Missing),
            other => match refuse_pause(&other) {
                Some(error) => Ok(Steered::TooLong(error)),
                None => Err(Fault::strange(format!("{other:?}"))),
            },
        }
    }
}

/// A walk over the names that have a log, which may come and go meanwhile.
#[derive(Default)]
pub struct Walk {
    cursor: Vec<u8>,
    names: HashSet<Vec<u8>>,
}

impl Walk {
    /// What to ask next.
    pub fn command(&self, keys: &Keys) -> Cmd {
        let mut command = cmd("ZSCAN");
        command.arg(keys.names());
        match self.cursor.as_slice() {
            b"" => command.arg(0),
            cursor => command.arg(cursor),
        };
        command.arg("COUNT").arg(1000);
        command
    }

    /// Takes what was answered; whether that was the last.
    pub fn is_over(&mut self, answer: Value) -> Result<bool, Fault> {
        let parts = match answer {
            Value::Array(parts) => <[Value; 2]>::try_from(parts).ok(),
            _ => None,
        };
        let Some([Value::BulkString(cursor), Value::Array(found)]) = parts else {
            return Err(Fault::strange("it is no page of names"));
        };
        // Each name is followed by its score.
        self.names
            .extend(found.into_iter().step_by(2).filter_map(bytes));
        self.cursor = cursor;
        Ok(self.cursor == b"0")
    }

    pub fn names(self) -> impl Iterator<Item = Vec<u8>> {
        self.names.into_iter()
    }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

/// What a server has answered that was asked for its time.
pub fn read_time(answer: Value) -> Result<Timestamp, Fault> {
    let parts = match answer {
        Value::Array(parts) => parts,
        _ => Vec::new(),
    };
    let number = |index: usize| {
        let text = parts.get(index).cloned().and_then(bytes)?;
        std::str::from_utf8(&text).ok()?.parse::<u64>().ok()
    };
    let micros = || number(0)?.checked_mul(1_000_000)?.checked_add(number(1)?);
    let micros = micros().ok_or_else(|| Fault::strange("it is no time"))?;
    Ok(Timestamp::from_micros(micros))
}

/// The command that removes what is left of a bucket whose names are gone.
pub fn remove(keys: &Keys) -> Cmd {
    let mut command = cmd("UNLINK");
    command.arg(keys.terms()).arg(keys.names());
    command
}
