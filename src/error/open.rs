//! Why a segment could not be opened.

use super::{BackendError, SetRatesError};
use crate::rate::{Rate, RateError, RateTextError};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a limiter could not be opened, or a segment not be removed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The rates make no limit.
    #[error(transparent)]
    Rates(#[from] RateError),
    /// A text is not that of a rate.
    #[error(transparent)]
    RateText(#[from] RateTextError),
    /// The segment's name or path is not allowed.
    #[error("{name:?} cannot name a segment: {why}")]
    Name {
        /// The name or path.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The ring that was asked for does not hold its own rates.
    #[error(
        "a capacity of {capacity} does not work: it must be a power of two, from 16 to 2^34, \
         and at least the largest limit ({limit}) plus the queue ({queue})"
    )]
    Capacity {
        /// Slots that were asked for.
        capacity: u64,
        /// The largest limit, in permits.
        limit: u64,
        /// Permits that may be reserved ahead.
        queue: u64,
    },
    /// No ring holds so many permits that are waited for.
    #[error(
        "a queue of {queue} permits is too long: with a largest limit of {limit}, ask for {most} at most"
    )]
    Queue {
        /// Permits that were to be reserved ahead.
        queue: u64,
        /// The largest limit, in permits.
        limit: u64,
        /// The longest queue beside it, in permits.
        most: u64,
    },
    /// So many buckets cannot be.
    #[error(
        "{keys} keys of a capacity of {capacity} each do not work: from 1 to 2^31 - 1, and 1 TiB in all; \
         ask for fewer keys, smaller limits, or a shorter queue"
    )]
    Keys {
        /// Keys that were asked for.
        keys: u64,
        /// Permits that each bucket remembers.
        capacity: u64,
    },
    /// Counts for so many processes cannot be kept apart.
    #[error("counts of {processes} processes cannot be kept apart: ask for {most} at most")]
    Processes {
        /// Processes that were asked for.
        processes: u64,
        /// As many as can be.
        most: u64,
    },
    /// There is no such segment, and none was to be made.
    #[error("there is no segment at {path}: create it first, with rates")]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is a segment already, and a new one was to be made.
    #[error("there is a segment at {path} already: attach to it, or remove it first")]
    Exists {
        /// Where it is.
        path: PathBuf,
    },
    /// The segment has other rates than those asked for.
    #[error(
        "the segment at {path} has the rates {}, not {}: ask for the same, adopt the segment's, or remove it first",
        List(found),
        List(asked)
    )]
    RatesDiffer {
        /// Where it is.
        path: PathBuf,
        /// The caller's rates.
        asked: Vec<Rate>,
        /// The segment's rates.
        found: Vec<Rate>,
    },
    /// The segment has other rates, and could not be given the caller's.
    #[error("could not override the rates: {0}")]
    Override(#[from] Box<SetRatesError>),
    /// The segment was made with another queue, capacity or group than was asked for.
    #[error(
        "the segment at {path} has the {what} {found}, not {asked}: \
         ask for the same or for none, or remove it first"
    )]
    OptionDiffers {
        /// Where it is.
        path: PathBuf,
        /// Which option.
        what: &'static str,
        /// What the caller asked for.
        asked: String,
        /// What the segment has.
        found: String,
    },
    /// The bucket in a server has other rates than those asked for.
    #[error(
        "the bucket {bucket} has the rates {}, not {}: ask for the same, adopt the bucket's, or override them",
        List(found),
        List(asked)
    )]
    OtherRates {
        /// What the bucket is called.
        bucket: String,
        /// The caller's rates.
        asked: Vec<Rate>,
        /// The bucket's rates.
        found: Vec<Rate>,
    },
    /// The bucket in a server was made with another queue than was asked for, or is of another
    /// kind.
    #[error(
        "the bucket {bucket} has the {what} {found}, not {asked}: ask for the same, or adopt the bucket's"
    )]
    OtherOption {
        /// What the bucket is called.
        bucket: String,
        /// Which option.
        what: &'static str,
        /// What the caller asked for.
        asked: String,
        /// What the bucket has.
        found: String,
    },
    /// There is no such bucket in the server, and none was to be made.
    #[error("there is no bucket {bucket}: give rates to make it with")]
    NoBucket {
        /// What it would be called.
        bucket: String,
    },
    /// The file system is too full to hold the segment.
    #[error(
        "{path} needs {needed} bytes, and its file system has {free} free: \
         make room, or give that file system more (for containers: a larger --shm-size)"
    )]
    NoSpace {
        /// The segment that was to be made.
        path: PathBuf,
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
    },
    /// This process may not make files so large (`ulimit -f`).
    #[error(
        "{path} needs {needed} bytes, and this process may write files of {most} bytes at most: \
         raise that limit (ulimit -f), or ask for fewer keys, smaller limits, or a shorter queue"
    )]
    FileSizeLimit {
        /// The segment that was to be made.
        path: PathBuf,
        /// Bytes.
        needed: u64,
        /// Bytes.
        most: u64,
    },
    /// There is not enough memory for a limiter in memory.
    #[error(
        "a limiter of these rates and this queue needs {needed} bytes of memory, \
         and they are not to be had: ask for smaller limits, or a shorter queue"
    )]
    NoMemory {
        /// Bytes.
        needed: u64,
    },
    /// What is there is not a segment that can be used.
    #[error("{path} is not a usable segment: {why}")]
    NotASegment {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The segment belongs to somebody else, or others may write it.
    #[error(
        "{path} is not to be trusted: it belongs to user {owner}, group {group}, with mode {mode:04o}; \
         allowed are your own and root's with mode 0600 or 0660, and others' with mode 0660 and the group that you name \
         (made with Builder::group, or tidegate create --group)"
    )]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// Its user id.
        owner: u32,
        /// Its group id.
        group: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// The system does not let this user open the segment.
    #[error(
        "this user may not open {path}: it belongs to user {owner}, group {group}, with mode {mode:04o}; \
         to share a segment, create it with a group that all its users are in \
         (Builder::group, or tidegate create --group)"
    )]
    Denied {
        /// The file.
        path: PathBuf,
        /// Its user id.
        owner: u32,
        /// Its group id.
        group: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// The segment was made by another version of this library.
    #[error(
        "{path} has layout {found}, and this program reads layout {ours}: \
         upgrade the older program, or remove the segment when nobody uses it"
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// The segment's layout.
        found: u64,
        /// This program's layout.
        ours: u64,
    },
    /// The segment counts time that means something else here.
    #[error("{path} cannot be used here: {why}")]
    OtherTime {
        /// The file.
        path: PathBuf,
        /// What differs.
        why: &'static str,
    },
    /// Others kept making and removing the segment, or are stopped in the middle of it.
    #[error(
        "{path} does not come to rest: others keep replacing it, or have stopped while they did; try again"
    )]
    Unsettled {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The store that the bucket is to be kept in has failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Rates, as in `5/2s and 100/m`.
struct List<'a>(&'a [Rate]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rate) in self.0.iter().enumerate() {
            let joint = if index == 0 { "" } else { " and " };
            write!(f, "{joint}{rate}")?;
        }
        Ok(())
    }
}
