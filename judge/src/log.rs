//! Logs of grants: one file for each writer, a run of fixed-size records.
//!
//! A writer may be killed at any instruction. What `write(2)` has taken is the
//! kernel's, and outlives the process; the only thing that a kill can cut is a
//! write that is under way, so only the end of a file can be torn, and its length
//! shows it. Hence no header, no checksum and no sync: the reader drops what is
//! left over behind the last whole record. One file has one writer, because behind a
//! record torn by one process another's would no longer be aligned.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::Grant;

/// A log could not be written or read.
#[derive(Debug, Error)]
#[error("the grant log {} could not be {action}: {source}", .path.display())]
pub struct LogError {
    path: PathBuf,
    action: &'static str,
    source: io::Error,
}

impl LogError {
    fn of(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self {
            path: path.to_owned(),
            action,
            source,
        }
    }
}

/// Writes the grants of one worker. Create it in the process that uses it: after
/// a fork two processes would write what is still buffered.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    /// Records, or the rest of one, that the kernel has not taken yet.
    pending: Vec<u8>,
    batch: usize,
}

impl Log {
    /// A new log at `path` that hands each record to the kernel at once: a kill
    /// loses no grant but one that is being logged.
    ///
    /// # Errors
    ///
    /// If the file cannot be created, or is there already.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, LogError> {
        Self::batched(path, 1)
    }

    /// A new log at `path` that writes `records` at a time (at least 1), for
    /// workers too fast for one system call per grant. A kill loses the batch.
    ///
    /// # Errors
    ///
    /// If the file cannot be created, or is there already.
    pub fn batched(path: impl AsRef<Path>, records: usize) -> Result<Self, LogError> {
        let path = path.as_ref().to_owned();
        let file = File::create_new(&path).map_err(LogError::of(&path, "created"))?;
        let batch = records.max(1).saturating_mul(Grant::BYTES);
        Ok(Self {
            path,
            file,
            pending: Vec::new(),
            batch,
        })
    }

    /// Adds a grant.
    ///
    /// # Errors
    ///
    /// If writing fails. Nothing is lost by that: the record stays buffered, and
    /// the next call goes on at the byte where this one stopped.
    pub fn append(&mut self, grant: &Grant) -> Result<(), LogError> {
        grant.encode(&mut self.pending);
        if self.pending.len() >= self.batch {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is buffered. Dropping the log does so too, without a word about
    /// an error.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn flush(&mut self) -> Result<(), LogError> {
        while !self.pending.is_empty() {
            match self.file.write(&self.pending) {
                Ok(0) => {
                    return Err(LogError::of(&self.path, "written")(
                        ErrorKind::WriteZero.into(),
                    ));
                }
                Ok(taken) => drop(self.pending.drain(..taken)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(LogError::of(&self.path, "written")(error)),
            }
        }
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// The grants of one log, in the order of writing. A torn last record is dropped.
///
/// # Errors
///
/// If the file cannot be read.
pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<Grant>, LogError> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(LogError::of(path, "read"))?;
    let (records, _torn) = bytes.as_chunks();
    Ok(records.iter().map(Grant::decode).collect())
}

/// The grants of all logs in a folder that holds nothing else.
///
/// # Errors
///
/// If the folder or a file in it cannot be read.
pub fn read_folder(folder: impl AsRef<Path>) -> Result<Vec<Grant>, LogError> {
    let folder = folder.as_ref();
    let mut grants = Vec::new();
    for entry in fs::read_dir(folder).map_err(LogError::of(folder, "listed"))? {
        let entry = entry.map_err(LogError::of(folder, "listed"))?;
        grants.extend(read_file(entry.path())?);
    }
    Ok(grants)
}
