//! What can go wrong with a file, in the words of a bucket.

use crate::clock::ClockError;
use crate::error::{BackendError, BucketError, Outcome};
use rusqlite::ErrorCode;
use std::fmt;
use std::io;
use std::time::Duration;

/// Why a transaction came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("{0}{advice}", advice = Advice(.0))]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// What is in the tables makes no bucket.
    #[error("its tables say {what}: remove the tables whose names begin with {prefix:?}")]
    Damaged { what: String, prefix: String },
    /// The lock file cannot be used.
    #[error("the lock file cannot be used: {0}")]
    Lock(#[from] io::Error),
    /// Somebody keeps the file locked.
    #[error(
        "another process, or a connection of this one, has kept the file locked for {0:?}: it may have been \
         stopped, or have a transaction open"
    )]
    Locked(Duration),
    /// A fork has left nobody to go on.
    #[error(
        "this process was forked while another thread was in the midst of a call: fork before the \
         bucket is used by other threads, or open it anew in the child"
    )]
    Forked,
    /// The file is on a file system, or under a name, that SQLite cannot share.
    #[error(
        "the journal mode is {0:?} where it must be \"wal\": give the path of a file, on a file system of this machine"
    )]
    NoWal(String),
}

/// What to do about an answer of SQLite's.
struct Advice<'e>(&'e rusqlite::Error);

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => ": make room on its file system",
            Some(ErrorCode::ReadOnly) => ": let this user write the file and its folder",
            Some(ErrorCode::CannotOpen) => {
                ": the folder must be there, with room, and this user be allowed to write in it"
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                ": remove the file, or restore it, when nobody uses it"
            }
            _ => "",
        })
    }
}

impl Fault {
    /// Somebody else was quicker: what was tried has left no trace, and may be tried again.
    pub fn is_busy(&self) -> bool {
        // The race that SQLite calls a protocol error is one between those who open the file.
        let busy = [
            Some(ErrorCode::DatabaseBusy),
            Some(ErrorCode::DatabaseLocked),
            Some(ErrorCode::FileLockingProtocolFailed),
        ];
        matches!(self, Self::Sqlite(error) if busy.contains(&error.sqlite_error_code()))
    }

    /// Whether a new connection may do better.
    pub fn spoils_connection(&self) -> bool {
        let lasting = [Some(ErrorCode::DiskFull), Some(ErrorCode::ReadOnly)];
        match self {
            Self::Sqlite(error) => !lasting.contains(&error.sqlite_error_code()),
            Self::Damaged { .. } | Self::NoWal(_) => true,
            _ => false,
        }
    }

    /// What is known when a commit has failed so: where the file system has failed, what is in
    /// the journal may be found there later.
    pub fn outcome_of_commit(&self) -> Outcome {
        match self {
            Self::Sqlite(error)
                if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) =>
            {
                Outcome::Unknown
            }
            _ => Outcome::Undone,
        }
    }

    pub fn into_bucket_error(self, doing: &'static str, outcome: Outcome) -> BucketError {
        match self {
            Self::Clock(error) => error.into(),
            fault => fault.into_backend_error(doing, outcome).into(),
        }
    }

    pub fn into_backend_error(self, doing: &'static str, outcome: Outcome) -> BackendError {
        BackendError::new("SQLite", doing, outcome, self)
    }
}
