//! One connection to the file, and its transactions.

use super::courtesy::{Courtesy, SHARE, Wait};
use super::fault::Fault;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::cell::Cell;
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
    written: Cell<Duration>,
}

/// How a transaction begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aim {
    Read,
    Write,
}

impl Aim {
    fn begin(self) -> &'static str {
        match self {
            Self::Read => "BEGIN",
            Self::Write => "BEGIN IMMEDIATE",
        }
    }
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
            written: Cell::default(),
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
        &self,
        aim: Aim,
        patience: Duration,
        mut work: impl FnMut(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Failed> {
        let wait = &mut Wait::for_a_writer();
        let _turn = self.take_turn(aim, wait).map_err(Failed::Before)?;
        let db = &self.connection;
        loop {
            let begin = || execute(db, aim.begin());
            patiently(wait, patience, begin).map_err(Failed::Before)?;
            let started = Instant::now();
            let done = match work(db) {
                Ok(value) => {
                    let committed = execute(db, "COMMIT");
                    committed.map(|()| value).map_err(Failed::Commit)
                }
                Err(fault) => Err(Failed::Before(fault)),
            };
            let took = started.elapsed();
            match done {
                Err(Failed::Before(fault) | Failed::Commit(fault)) if fault.is_busy() => {
                    roll_back(db);
                    wait_longer(wait, patience).map_err(Failed::Before)?;
                }
                done => {
                    if done.is_err() {
                        roll_back(db);
                    }
                    if aim == Aim::Write {
                        self.written.set(self.written.get() + took);
                    }
                    return done;
                }
            }
        }
    }

    /// Whether it has had its share, and others wait; then it is for them to write.
    pub fn is_to_step_aside(&self, threads_wait: bool) -> bool {
        if self.written.get() < SHARE {
            return false;
        }
        self.written.take();
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

    /// Waits until it is this process's turn to write, if that is its aim.
    ///
    /// SQLite's own lock would do alone, and does where this one seems to be lost. But whoever
    /// asks for that in vain reads for a moment, and while anybody reads, the journal only
    /// grows.
    fn take_turn(&self, aim: Aim, wait: &mut Wait) -> Result<Option<Turn<'_>>, Fault> {
        /// Its holder may have been stopped before it asked SQLite, say.
        const LOST: Duration = Duration::from_millis(100);
        let Some(courtesy) = self.courtesy.as_ref().filter(|_| aim == Aim::Write) else {
            return Ok(None);
        };
        if self.queues {
            courtesy.queue()?;
        } else if !courtesy.try_write() {
            courtesy.show_waiting(true);
            while wait.so_far() < LOST && !courtesy.try_write() {
                wait.a_while();
            }
            courtesy.show_waiting(false);
        }
        Ok(Some(Turn { courtesy }))
    }
}

/// The right to write.
struct Turn<'l> {
    courtesy: &'l Courtesy,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.courtesy.leave();
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

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // What cannot even be rolled back is, when the connection is dropped.
        let _ = execute(connection, "ROLLBACK");
    }
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
