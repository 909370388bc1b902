//! Forked processes: pinned, stopped, killed, and asked for their result.

#![allow(unsafe_code)] // forks

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe};

/// How many cores the processes are spread over.
const CORES: usize = 2;

/// A child of this process; killed and reaped when dropped.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    result: File,
    reaped: bool,
}

impl Child {
    /// Forks a process, pins it to core `index` modulo two, and runs `work` there.
    ///
    /// The child ends with `work`: nothing else of its copy of this program runs.
    pub fn spawn(index: usize, work: impl FnOnce() -> io::Result<Vec<u64>>) -> io::Result<Self> {
        let (reader, writer) = pipe()?;
        // SAFETY: the child calls only `work`, then `_exit`; glibc makes malloc
        // usable after a fork, and no benchmark holds another lock while forking.
        match unsafe { fork()? } {
            ForkResult::Parent { child } => {
                drop(writer);
                Ok(Self {
                    pid: child,
                    result: reader.into(),
                    reaped: false,
                })
            }
            ForkResult::Child => {
                drop(reader);
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    // Whoever interrupts a benchmark must not leave this running.
                    set_pdeathsig(Signal::SIGKILL)?;
                    pin(index)?;
                    send(writer.into(), &work()?)
                }));
                let failed = match outcome {
                    Ok(Ok(())) => 0,
                    Ok(Err(error)) => {
                        eprintln!("process {index}: {error}");
                        1
                    }
                    Err(_) => 1, // the panic has printed itself
                };
                // SAFETY: ends this process and nothing else.
                unsafe { libc::_exit(failed) }
            }
        }
    }

    /// Stops it at whatever instruction it is; returns when it stands still.
    pub fn stop(&self) -> io::Result<()> {
        kill(self.pid, Signal::SIGSTOP)?;
        match waitpid(self.pid, Some(WaitPidFlag::WUNTRACED))? {
            WaitStatus::Stopped(..) => Ok(()),
            other => Err(io::Error::other(format!("instead of stopping: {other:?}"))),
        }
    }

    /// Lets a stopped one go on.
    pub fn resume(&self) -> io::Result<()> {
        Ok(kill(self.pid, Signal::SIGCONT)?)
    }

    /// Kills it at whatever instruction it is; returns when it is gone.
    pub fn kill(mut self) -> io::Result<()> {
        kill(self.pid, Signal::SIGKILL)?;
        self.reap().map(drop)
    }

    /// Waits for its end, at most `limit` long, and returns what `work` returned.
    pub fn join(mut self, limit: Duration) -> io::Result<Vec<u64>> {
        let deadline = Instant::now() + limit;
        while !readable(
            &self.result,
            deadline.saturating_duration_since(Instant::now()),
        )? {
            if Instant::now() >= deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("process {} did not end within {limit:?}", self.pid),
                ));
            }
        }
        let result = receive(&mut self.result);
        match self.reap()? {
            WaitStatus::Exited(_, 0) => result,
            other => Err(io::Error::other(format!("a process failed: {other:?}"))),
        }
    }

    fn reap(&mut self) -> io::Result<WaitStatus> {
        let status = waitpid(self.pid, None)?;
        self.reaped = true;
        Ok(status)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped && kill(self.pid, Signal::SIGKILL).is_ok() {
            let _ = waitpid(self.pid, None);
        }
    }
}

/// The cores that processes are pinned to: the first two that were allowed when this was
/// first asked, before anybody was pinned.
pub fn cores() -> io::Result<&'static [usize]> {
    static CORES_USED: OnceLock<Vec<usize>> = OnceLock::new();
    if let Some(cores) = CORES_USED.get() {
        return Ok(cores);
    }
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let allowed = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false));
    Ok(CORES_USED.get_or_init(|| allowed.take(CORES).collect()))
}

/// Pins the calling thread to core `index` modulo two.
pub fn pin(index: usize) -> io::Result<()> {
    let cores = cores()?;
    let mut only = CpuSet::new();
    only.set(cores[index % cores.len()])?;
    Ok(sched_setaffinity(Pid::from_raw(0), &only)?)
}

/// Writes how many words there are, and the words. (To read until the end of the
/// pipe would be to wait for every process forked meanwhile, which inherits it.)
fn send(mut pipe: File, result: &[u64]) -> io::Result<()> {
    let words = [result.len() as u64];
    let words = words.iter().chain(result);
    let bytes: Vec<u8> = words.flat_map(|word| word.to_ne_bytes()).collect();
    pipe.write_all(&bytes)
}

fn receive(pipe: &mut File) -> io::Result<Vec<u64>> {
    let mut word = [0; 8];
    pipe.read_exact(&mut word)?;
    let mut bytes = vec![0; u64::from_ne_bytes(word) as usize * word.len()];
    pipe.read_exact(&mut bytes)?;
    let (words, _) = bytes.as_chunks();
    Ok(words.iter().map(|&word| u64::from_ne_bytes(word)).collect())
}

/// Whether there is something to read, or the other end is closed, before `limit`.
fn readable(pipe: &File, limit: Duration) -> io::Result<bool> {
    let mut one = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    match poll(&mut one, limit) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
