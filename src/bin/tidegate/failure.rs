//! Why a command did not do what it should, and the exit status that says so.

use crate::args::Target;
use crate::output::{exact, many, row};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::io;
use tidegate::{AcquireError, BucketError, LeakError, OpenError, Rate};

/// Not now, but later.
const LIMITED: u8 = 1;
const FAILED: u8 = 2;
/// What shells say of a command that is there and cannot be started.
const NOT_EXECUTABLE: u8 = 126;
/// What shells say of a command that is not there.
const NOT_FOUND: u8 = 127;
/// What shells add to the number of the signal that ended a command.
const KILLED: u8 = 128;

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{}", in_short(.0))]
    Acquire(#[from] AcquireError),
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error("{name}: {source}")]
    Leak { name: String, source: LeakError },
    #[error("{name} has the rates {}, not {}: {way_out}", row(found), row(asked))]
    RatesDiffer {
        name: String,
        found: Vec<Rate>,
        asked: Vec<Rate>,
        /// What the command that was typed can do about it.
        way_out: &'static str,
    },
    #[error("{} of {} could not be opened", unreadable, many(*all, "segment"))]
    Unlisted { unreadable: u64, all: u64 },
    #[error("{0}: it was left there, rm it yourself if nobody needs it")]
    NotRemoved(#[source] OpenError),
    #[error("{name} has one bucket for all names: leave out the key, or create it with --keys")]
    NoKeys { name: String },
    #[error("{name} has one bucket for all names: to empty it, use tidegate flush")]
    NothingToDispose { name: String },
    #[error("{name} has a bucket for each key: say which with --key")]
    WhichKey { name: String },
    #[error("{key} has no bucket in {name}")]
    NoSuchKey { name: String, key: String },
    #[error("there is no segment {0}")]
    NothingToRemove(String),
    #[error("could not {doing}: {source}")]
    System {
        doing: &'static str,
        source: io::Error,
    },
    #[cfg(feature = "exporter")]
    #[error("could not listen on {address}: {why}")]
    Listen { address: String, why: String },
    #[cfg(feature = "top")]
    #[error("standard output is no terminal: use --once, or --once --json")]
    NoTerminal,
    #[error("stopped by {0}, and took nothing")]
    Stopped(Signal),
    #[error("could not run {command:?}: {source}")]
    Command {
        command: OsString,
        source: io::Error,
    },
}

impl Failure {
    /// What the process ends with.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Acquire(AcquireError::Limited { .. } | AcquireError::QueueFull { .. }) => LIMITED,
            Self::Command { source, .. } if source.kind() == io::ErrorKind::NotFound => NOT_FOUND,
            Self::Command { .. } => NOT_EXECUTABLE,
            Self::Stopped(signal) => KILLED + *signal as u8,
            _ => FAILED,
        }
    }

    /// For `map_err`: why a segment that was asked for with rates could not be opened.
    /// The library's own way out of other rates is none on the command line.
    pub fn with_rates(target: &Target, way_out: &'static str) -> impl Fn(OpenError) -> Self {
        move |error| match error {
            OpenError::RatesDiffer { found, asked, .. } => Self::RatesDiffer {
                name: target.to_string(),
                found,
                asked,
                way_out,
            },
            error => error.into(),
        }
    }

    /// For `map_err`: what the system refused.
    pub fn system(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }
}

/// The usual refusal in few words, and with a time that `sleep` understands.
fn in_short(error: &AcquireError) -> String {
    match error {
        AcquireError::Limited { retry_after, rate } => {
            format!("limited by {rate}: retry in {}", exact(*retry_after))
        }
        AcquireError::QueueFull {
            queue, retry_after, ..
        } => format!(
            "limited by the queue, which holds {}: retry in {}",
            many(*queue, "permit"),
            exact(*retry_after)
        ),
        other => other.to_string(),
    }
}
