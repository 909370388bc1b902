//! One connection to the file, and its transactions.

use super::courtesy::{Courtesy, SHARE, Wait};
use super::fault::Fault;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How SQLite keeps the file. Pages of 1 KiB, in a file that is new: a transaction writes one
/// or two. The journal is moved into the file after some 4 MiB.
const PRAGMAS: &str = "PRAGMA page_size = 1024; PRAGMA synchronous = NORMAL; \
                       PRAGMA wal_autocheckpoint = 4000;";

/// A connection of this process.
pub struct Link {
    connection: Connection,
    courtesy: Option<Courtesy>,
    /// Whether those who write queue.
    queues: bool,
    /// The file that it is to.
    file: (u64, u64),
    /// When that was last seen to be what the path means.
    seen: Instant,
    /// For how long it has written since it last looked whether others wait.
    written: Duration,
}

/// How a transaction begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aim {
    Read,
    Write,
}

impl Link {
    /// Connects to a file, or makes it.
    pub fn open(path: &Path, queues: bool, patience: Duration) -> Result<Self, Fault> {
        let wait = &mut Wait::for_openers();
        let connection = patiently(wait, patience, || connect(path))?;
        let courtesy = match Courtesy::open(path) {
            Err(error) if queues => return Err(error.into()),
            // Those who wait just do not show it.
            courtesy => courtesy.ok(),
        };
        Ok(Self {
            connection,
            courtesy,
            queues,
            file: identity(path)?,
            seen: Instant::now(),
            written: Duration::ZERO,
        })
    }

    /// Whether the path still means this file. Looks once a second.
    pub fn is_to(&mut self, path: &Path) -> bool {
        const OFTEN: Duration = Duration::from_secs(1);
        if self.seen.elapsed() < OFTEN {
            return true;
        }
        self.seen = Instant::now();
        identity(path).is_ok_and(|file| file == self.file)
    }

    /// Does `work` in a transaction. What it has written is undone if it fails.
    ///
    /// The error says whether it is the commit that has failed.
    pub fn transact<T>(
        &mut self,
        aim: Aim,
        patience: Duration,
        mut work: impl FnMut(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Failed> {
        let wait = &mut Wait::for_a_writer();
        let turn = Turn::take(self, aim).map_err(Failed::Before)?;
        let link = &*turn.link;
        loop {
            link.begin(aim, wait, patience).map_err(Failed::Before)?;
            let started = Instant::now();
            let done = match work(&link.connection) {
                Ok(value) => {
                    let committed = execute(&link.connection, "COMMIT");
                    committed.map(|()| value).map_err(Failed::Commit)
                }
                Err(fault) => Err(Failed::Before(fault)),
            };
            let took = started.elapsed();
            match done {
                Err(Failed::Before(fault) | Failed::Commit(fault)) if fault.is_busy() => {
                    link.roll_back();
                    wait_longer(wait, patience).map_err(Failed::Before)?;
                }
                done => {
                    if done.is_err() {
                        link.roll_back();
                    }
                    if aim == Aim::Write {
                        turn.link.written += took;
                    }
                    return done;
                }
            }
        }
    }

    /// Whether it has had its share, and others wait; then it is for them to write.
    pub fn is_to_step_aside(&mut self, threads_wait: bool) -> bool {
        if self.written < SHARE {
            return false;
        }
        self.written = Duration::ZERO;
        threads_wait || self.courtesy.as_ref().is_some_and(Courtesy::others_wait)
    }

    /// Lets go of a connection that a fork has left to this process: nothing is written, and
    /// no file is removed, for they are its parent's.
    pub fn abandon(self) {
        let off = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        match self.connection.set_db_config(off, true) {
            Ok(_) => drop(self),
            // Then it must not even be closed.
            Err(_) => std::mem::forget(self),
        }
    }

    fn begin(&self, aim: Aim, wait: &mut Wait, patience: Duration) -> Result<(), Fault> {
        let begin = match aim {
            Aim::Read => "BEGIN",
            Aim::Write => "BEGIN IMMEDIATE",
        };
        match execute(&self.connection, begin) {
            Err(fault) if fault.is_busy() => {}
            begun => return begun,
        }
        let courtesy = self.courtesy.as_ref();
        courtesy.inspect(|courtesy| courtesy.show_waiting(true));
        let begun = patiently(wait, patience, || execute(&self.connection, begin));
        courtesy.inspect(|courtesy| courtesy.show_waiting(false));
        begun
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // What cannot even be rolled back is, when the connection is dropped.
            let _ = execute(&self.connection, "ROLLBACK");
        }
    }
}

/// What came of a transaction that failed.
#[derive(Debug)]
pub enum Failed {
    /// It was rolled back.
    Before(Fault),
    /// The commit has failed.
    Commit(Fault),
}

/// The right to write, where those who write queue.
struct Turn<'l> {
    link: &'l mut Link,
    queued: bool,
}

impl<'l> Turn<'l> {
    fn take(link: &'l mut Link, aim: Aim) -> Result<Self, Fault> {
        let queued = link.queues && aim == Aim::Write;
        if let Some(courtesy) = link.courtesy.as_ref().filter(|_| queued) {
            courtesy.queue()?;
        }
        Ok(Self { link, queued })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(courtesy) = self.link.courtesy.as_ref().filter(|_| self.queued) {
            courtesy.leave();
        }
    }
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Whoever is busy is waited for here: see `courtesy`.
    connection.busy_timeout(Duration::ZERO)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(PRAGMAS)?;
    let to_wal = "PRAGMA journal_mode = WAL";
    let mode: String = connection.query_row(to_wal, (), |row| row.get(0))?;
    if mode == "wal" {
        Ok(connection)
    } else {
        Err(Fault::NoWal(mode))
    }
}

/// Tries something until nobody is in the way.
fn patiently<T>(
    wait: &mut Wait,
    patience: Duration,
    mut attempt: impl FnMut() -> Result<T, Fault>,
) -> Result<T, Fault> {
    loop {
        match attempt() {
            Err(fault) if fault.is_busy() => wait_longer(wait, patience)?,
            done => return done,
        }
    }
}

fn wait_longer(wait: &mut Wait, patience: Duration) -> Result<(), Fault> {
    if wait.so_far() >= patience {
        return Err(Fault::Locked(patience));
    }
    wait.a_while();
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Fault> {
    connection.prepare_cached(sql)?.execute(())?;
    Ok(())
}

/// Which file a path means.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}
