//! Locks that the kernel releases when their holder dies: open-file-description
//! locks on bytes far behind the end of the file.
//!
//! Such a lock belongs to an open file, and a forked child shares its parent's open
//! files: so every lock is taken through an open of its own, and unlocked only by the
//! process that took it; a child that drops it lets go of its share. No caller that
//! acquires permits takes one, unless it finds its segment removed or of another boot.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::File;
use std::io;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a lock is for: each has a byte of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Changing what the segment's name points to: removal, replacement, revival.
    Name,
    /// Being the one leak process.
    Lead,
    /// Making a file that has a temporary name.
    Make,
    /// Changing the rates.
    Rates,
    /// Being one of those who may own a bucket: any byte from here on.
    Present(u32),
    /// Counting on the line of that index.
    Line(u32),
    /// Being one of those who lead when the leak process ends: any byte from here on.
    Standby(u32),
}

/// An exclusive lock, held until it is dropped by the process that took it.
#[derive(Debug)]
pub struct Lock {
    /// None for the lock of what has none.
    held: Option<(Locks, Role)>,
}

fn unlock(file: &File, mut range: libc::flock) {
    range.l_type = libc::F_UNLCK as libc::c_short;
    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&range));
}

/// Locks that one process takes through one open, and lets go of together.
#[derive(Debug)]
pub struct Locks {
    /// None in a child that has let go of its parent's.
    file: Mutex<Option<File>>,
    pid: u32,
}

impl Drop for Locks {
    /// Closing the file would not unlock it while a child that was forked meanwhile
    /// shares it.
    fn drop(&mut self) {
        if let Ok(Some(file)) = self.file.get_mut()
            && self.pid == process::id()
        {
            // A length of 0 means all bytes that follow.
            unlock(file, bytes(0, 0));
        }
    }
}

impl Locks {
    /// None yet. The file must be a fresh open.
    pub fn of(file: File) -> Self {
        Self {
            file: Mutex::new(Some(file)),
            pid: process::id(),
        }
    }

    /// Lets go of its share, in a child: else what its parent holds would be held beyond the
    /// parent's death.
    pub fn leave_to_parent(&self) {
        // A thread of the parent may just have been in it: nobody in the child waits for that.
        if let Ok(mut file) = self.file.try_lock()
            && self.pid != process::id()
        {
            *file = None;
        }
    }

    /// Takes one more, if nobody else holds it. Those that are held already can be taken again.
    pub fn try_take(&self, role: Role) -> io::Result<bool> {
        // Poisoned or not: nobody leaves anything half done under it.
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.as_ref().map_or(Ok(false), |file| try_lock(file, role))
    }
}

fn try_lock(file: &File, role: Role) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&range(role))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Which of the first `count` lines are somebody's. The file must be a fresh open.
pub fn lines_held(file: &File, count: u32) -> io::Result<Vec<bool>> {
    let mut held = vec![false; count as usize];
    let mut unknown = vec![(0, libc::off_t::from(count))];
    while let Some((from, to)) = unknown.pop().filter(|_| count > 0) {
        let mut found = bytes(LINES + from, to - from);
        let origin = found.l_start - from;
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut found))?;
        if found.l_type == libc::F_UNLCK as libc::c_short {
            continue;
        }
        // Of all locks in the range the system tells of any one, in its full length.
        let first = (found.l_start - origin).clamp(from, to - 1);
        let end = (found.l_start - origin).saturating_add(found.l_len);
        let end = if found.l_len == 0 {
            to
        } else {
            end.clamp(first + 1, to)
        };
        held[first as usize..end as usize].fill(true);
        unknown.extend(
            [(from, first), (end, to)]
                .into_iter()
                .filter(|(from, to)| from < to),
        );
    }
    Ok(held)
}

impl Lock {
    /// The lock of what has none.
    pub fn none() -> Self {
        Self { held: None }
    }

    /// Takes the lock, if nobody else holds it. The file must be a fresh open.
    pub fn try_take(file: File, role: Role) -> io::Result<Option<Self>> {
        let locks = Locks::of(file);
        let is_taken = locks.try_take(role)?;
        Ok(is_taken.then(|| Self {
            held: Some((locks, role)),
        }))
    }

    /// See [`Locks::leave_to_parent`].
    pub fn leave_to_parent(&self) {
        if let Some((locks, _)) = &self.held {
            locks.leave_to_parent();
        }
    }

    /// Whether somebody holds the lock. Looking does not take it, not even for a moment.
    /// The file must be a fresh open.
    pub fn is_held(file: &File, role: Role) -> io::Result<bool> {
        is_locked(file, range(role))
    }

    /// Whether others are present beside the holder of this lock. The file must be a fresh
    /// open.
    pub fn has_neighbours(&self, file: &File) -> io::Result<bool> {
        let own = match &self.held {
            Some((_, Role::Present(byte))) => libc::off_t::from(*byte),
            _ => return Ok(true),
        };
        for (first, len) in [(PRESENT, own), (PRESENT + own + 1, EACH - own - 1)] {
            // A length of 0 would mean all bytes that follow.
            if len > 0 && is_locked(file, bytes(first, len))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes the lock, waiting a short while for a holder to finish; `None` if it does
    /// not. `open` makes a fresh open.
    pub fn take(open: impl Fn() -> io::Result<File>, role: Role) -> io::Result<Option<Self>> {
        const PATIENCE: Duration = Duration::from_secs(2);
        let started = Instant::now();
        loop {
            match Self::try_take(open()?, role)? {
                None if started.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(1)),
                taken => return Ok(taken),
            }
        }
    }
}

fn is_locked(file: &File, mut range: libc::flock) -> io::Result<bool> {
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut range))?;
    Ok(range.l_type != libc::F_UNLCK as libc::c_short)
}

/// Takes a byte of that role that nobody else has. `open` makes a fresh open.
pub fn take_any(
    open: impl Fn() -> io::Result<File>,
    role: impl Fn(u32) -> Role,
) -> io::Result<Lock> {
    let mut byte = process::id();
    loop {
        if let Some(lock) = Lock::try_take(open()?, role(byte))? {
            return Ok(lock);
        }
        byte = byte.wrapping_add(0x9e37_79b9);
    }
}

/// Whether anybody stands by. The file must be a fresh open.
pub fn is_somebody_standing_by(file: &File) -> io::Result<bool> {
    is_locked(file, bytes(STANDBY, EACH))
}

/// The byte of that role, to be locked exclusively.
fn range(role: Role) -> libc::flock {
    let byte = match role {
        Role::Name => 0,
        Role::Lead => 1,
        Role::Make => 2,
        Role::Rates => 3,
        Role::Present(byte) => PRESENT + libc::off_t::from(byte),
        Role::Line(index) => LINES + libc::off_t::from(index),
        Role::Standby(byte) => STANDBY + libc::off_t::from(byte),
    };
    bytes(byte, 1)
}

/// The first byte to be present by.
const PRESENT: libc::off_t = 1 << 32;
/// That of the first line.
const LINES: libc::off_t = 2 << 32;
/// The first byte to stand by by.
const STANDBY: libc::off_t = 3 << 32;
/// How many bytes a role has that anybody may take one of.
const EACH: libc::off_t = 1 << 32;

fn bytes(first: libc::off_t, len: libc::off_t) -> libc::flock {
    // No file is longer than its layout's largest size, so these bytes are nobody's.
    const FIRST: libc::off_t = 1 << 60;
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: FIRST + first,
        l_len: len,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_holder_until_it_is_dropped_and_roles_do_not_meet() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || file.reopen();
        let held = Lock::try_take(open().unwrap(), Role::Lead)
            .unwrap()
            .unwrap();
        assert!(
            Lock::try_take(open().unwrap(), Role::Lead)
                .unwrap()
                .is_none()
        );
        assert!(
            Lock::try_take(open().unwrap(), Role::Name)
                .unwrap()
                .is_some()
        );
        assert!(Lock::is_held(&open().unwrap(), Role::Lead).unwrap());
        assert!(!Lock::is_held(&open().unwrap(), Role::Name).unwrap());
        drop(held);
        assert!(!Lock::is_held(&open().unwrap(), Role::Lead).unwrap());
        assert!(Lock::take(open, Role::Lead).unwrap().is_some());
    }

    #[test]
    fn it_is_told_which_lines_are_held_by_whomever() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || file.reopen().unwrap();
        let [one, other] = [Locks::of(open()), Locks::of(open())];
        // The system keeps them by holder, not by place.
        for (locks, lines) in [(&other, [5, 7, 20, 31]), (&one, [0, 3, 4, 9])] {
            for line in lines {
                assert!(locks.try_take(Role::Line(line)).unwrap());
            }
        }
        assert!(!other.try_take(Role::Line(3)).unwrap());
        let held = |count| -> Vec<u32> {
            let held = lines_held(&open(), count).unwrap();
            (0..count).filter(|&line| held[line as usize]).collect()
        };
        assert_eq!(held(40), [0, 3, 4, 5, 7, 9, 20, 31]);
        assert_eq!(held(4), [0, 3], "a lock that reaches beyond");
        drop(one);
        assert_eq!(held(32), [5, 7, 20, 31]);
        drop(other);
        assert_eq!(held(32), [] as [u32; 0]);
    }
}
