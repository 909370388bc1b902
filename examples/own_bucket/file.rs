//! The file: a number for the next permit, and a line for each that may still count.

use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Permits, oldest first, by number and instant.
#[derive(Debug, Default)]
pub struct Log {
    pub next: u64,
    pub permits: Vec<(u64, u64)>,
}

/// A log in a file, and a second file to lock it by: for the log itself is replaced whenever it
/// changes, so that whoever is killed over it leaves it whole.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    lock: PathBuf,
}

/// The log, while nobody else has it.
#[derive(Debug)]
pub struct Locked<'f> {
    file: &'f LogFile,
    _lock: Flock<File>,
    pub log: Log,
}

impl LogFile {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            lock: path.with_extension("lock"),
        }
    }

    /// Waits for the lock, which the kernel takes back from a process that dies.
    pub fn lock(&self) -> io::Result<Locked<'_>> {
        let mut options = OpenOptions::new();
        let lock = options.create(true).append(true).open(&self.lock)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
        let log = match fs::read_to_string(&self.path) {
            Ok(text) => parse(&text).ok_or_else(|| {
                let text = format!("{} is not a log of permits", self.path.display());
                io::Error::new(ErrorKind::InvalidData, text)
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Log::default(),
            Err(error) => return Err(error),
        };
        Ok(Locked {
            file: self,
            _lock: lock,
            log,
        })
    }
}

impl Locked<'_> {
    /// Puts the log in the old one's place.
    pub fn save(&self) -> io::Result<()> {
        let mut text = format!("{}\n", self.log.next);
        for (number, at) in &self.log.permits {
            text += &format!("{number} {at}\n");
        }
        let new = self.file.path.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, &self.file.path)
    }
}

fn parse(text: &str) -> Option<Log> {
    let mut lines = text.lines();
    let next = lines.next()?.parse().ok()?;
    let permit = |line: &str| {
        let (number, at) = line.split_once(' ')?;
        Some((number.parse().ok()?, at.parse().ok()?))
    };
    let permits = lines.map(permit).collect::<Option<_>>()?;
    Some(Log { next, permits })
}
