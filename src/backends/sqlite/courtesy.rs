//! How the processes that write one file take turns.
//!
//! SQLite lets one writer at a time in, and has no queue: those who come in vain sleep longer
//! and longer, and whoever has just written is the first to come again. So here they lock
//! a byte of a file beside the database, before they ask SQLite. Those who wait look in again
//! after short times of random length, and show that they wait by another lock, which they
//! share; and whoever has had its share of time looks for that, and steps aside for a moment if
//! somebody waits. A process that is stopped while it waits keeps nobody out, and one that is
//! killed leaves no lock, not even to its children: these locks are a process's own. (Two
//! buckets of one process do not see each other's. SQLite's lock is what keeps writers apart.)
//!
//! Or they queue, if the bucket is asked for so: whoever is next holds one lock more, and waits
//! for the first, so nobody gets past it. Each turn costs a wake-up then.

use crate::sync::pause;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How long one process may write, again and again, before it looks whether others wait: some
/// twenty times as long as one transaction takes.
pub const SHARE: Duration = Duration::from_micros(300);

/// For how long it steps aside then: long enough for those who wait to look in.
pub const ASIDE: Duration = Duration::from_micros(100);

/// Bytes of the lock file: what a lock on each means.
#[derive(Clone, Copy)]
enum Byte {
    /// Somebody waits.
    Waits = 0,
    /// Being the next to write.
    Next = 1,
    /// Writing.
    Writes = 2,
}

/// This connection's part in it: a lock file beside the database.
#[derive(Debug)]
pub struct Courtesy {
    file: File,
}

impl Courtesy {
    /// Opens the lock file of a database, or makes it.
    pub fn open(database: &Path) -> io::Result<Self> {
        let path = lock_path(database);
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let file = match options.clone().create_new(true).open(&path) {
            Ok(file) => {
                // Whoever may write the database may wait for it, whatever the umask says.
                file.set_permissions(fs::metadata(database)?.permissions())?;
                file
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(&path)?,
            Err(error) => return Err(error),
        };
        Ok(Self { file })
    }

    /// Whether another process waits to write.
    pub fn others_wait(&self) -> bool {
        let mut range = range(Byte::Waits, libc::F_WRLCK);
        fcntl(&self.file, FcntlArg::F_GETLK(&mut range))
            .is_ok_and(|_| range.l_type != libc::F_UNLCK as libc::c_short)
    }

    /// Shows that this process waits, or that it waits no more. It is mere courtesy: so what
    /// fails is let go.
    pub fn show_waiting(&self, waits: bool) {
        let kind = if waits { libc::F_RDLCK } else { libc::F_UNLCK };
        let _ = fcntl(&self.file, FcntlArg::F_SETLK(&range(Byte::Waits, kind)));
    }

    /// Takes this process's turn to write, if nobody else has it.
    pub fn try_write(&self) -> bool {
        let range = range(Byte::Writes, libc::F_WRLCK);
        // Where such locks cannot be had, there is SQLite's.
        match fcntl(&self.file, FcntlArg::F_SETLK(&range)) {
            Err(error) => !matches!(error, Errno::EAGAIN | Errno::EACCES),
            Ok(_) => true,
        }
    }

    /// Waits in line for this process's turn to write.
    pub fn queue(&self) -> io::Result<()> {
        self.lock(Byte::Next)?;
        let locked = self.lock(Byte::Writes);
        self.unlock(Byte::Next);
        locked
    }

    /// Lets the next write.
    pub fn leave(&self) {
        self.unlock(Byte::Writes);
    }

    fn lock(&self, byte: Byte) -> io::Result<()> {
        let range = range(byte, libc::F_WRLCK);
        loop {
            match fcntl(&self.file, FcntlArg::F_SETLKW(&range)) {
                // The kernel suspects threads of two processes of waiting for each other, which they
                // do not: none waits while it holds a lock on another file.
                Ok(_) | Err(Errno::EDEADLK) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn unlock(&self, byte: Byte) {
        let _ = fcntl(&self.file, FcntlArg::F_SETLK(&range(byte, libc::F_UNLCK)));
    }
}

/// The lock file of a database: beside it, as SQLite's own are.
fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-lock");
    path.into()
}

/// A wait for others.
#[derive(Debug)]
pub struct Wait {
    /// In which steps that took longer than they should count for little: they were the
    /// machine's, and no holder's.
    waited: Duration,
    looks: u32,
    /// The longest time between two looks.
    most: Duration,
}

impl Wait {
    /// For one who writes, and is done in a moment.
    pub fn for_a_writer() -> Self {
        Self::at_most(Duration::from_micros(64))
    }

    /// For those who open the file, too. To set it up, one must find it unused; and all who
    /// look, use it for longer than a short sleep: so they must spread further and further.
    pub fn for_openers() -> Self {
        Self::at_most(Duration::from_millis(50))
    }

    fn at_most(most: Duration) -> Self {
        Self {
            waited: Duration::ZERO,
            looks: 0,
            most,
        }
    }

    pub fn so_far(&self) -> Duration {
        self.waited
    }

    /// Waits until it is time to look in again: at first without a sleep, for most who write
    /// are done before that would end.
    pub fn a_while(&mut self) {
        const AT_ONCE: u32 = 3;
        const PAUSES: u32 = 100;
        const LONG: Duration = Duration::from_millis(100);
        let started = Instant::now();
        self.looks = self.looks.saturating_add(1);
        if self.looks <= AT_ONCE {
            pause(PAUSES);
        } else {
            let doubled = 1 << (self.looks - AT_ONCE + 5).min(30);
            let most = Duration::from_micros(doubled).min(self.most);
            thread::sleep(Duration::from_micros(20) + most.mul_f64(chance()));
        }
        self.waited += started.elapsed().min(LONG);
    }
}

/// From 0 to 1. The last digits of a clock are chance enough to keep those who wait apart.
fn chance() -> f64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    f64::from(now.subsec_nanos() % 1000) / 1000.0
}

fn range(byte: Byte, kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte as libc::off_t,
        l_len: 1,
        l_pid: 0,
    }
}
