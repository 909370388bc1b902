//! Forked children that do not outlive their parent's interest in them.
#![allow(unsafe_code, reason = "fork is unsafe")]

use std::io::{Write, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

use anyhow::{Context, bail, ensure};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

/// Children of this process. Those that still run are killed and reaped on drop.
#[derive(Default)]
pub struct Crew(Vec<Child>);

struct Child {
    name: String,
    pid: Pid,
    running: bool,
}

impl Crew {
    /// Forks a child that does `work` and exits, with status 1 if that fails.
    /// Nothing of the parent's is dropped in the child, also not by a panic. Fork
    /// before you start threads: a lock that one of them holds stays locked in the
    /// child.
    ///
    /// # Errors
    ///
    /// If the system has no room for another process.
    pub fn fork(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let name = name.into();
        // What is buffered would be printed by the child, too.
        stdout().flush()?;
        // SAFETY: the child gets a copy of the whole process, and goes on in it with this
        // thread alone; of what other threads hold, only locks matter, as said above.
        match unsafe { fork() }.context("cannot fork")? {
            ForkResult::Parent { child: pid } => self.0.push(Child {
                name,
                pid,
                running: true,
            }),
            ForkResult::Child => process::exit(match catch_unwind(AssertUnwindSafe(work)) {
                Ok(Ok(())) => 0,
                Ok(Err(error)) => {
                    eprintln!("{name}: {error:#}");
                    1
                }
                Err(_panic) => 1,
            }),
        }
        Ok(())
    }

    /// Kills a child, given by its place in the order of forking, with SIGKILL, and
    /// reaps it.
    ///
    /// # Errors
    ///
    /// If it has ended by itself.
    pub fn kill(&mut self, index: usize) -> anyhow::Result<()> {
        let child = &mut self.0[index];
        ensure!(child.running, "{} has ended already", child.name);
        kill(child.pid, Signal::SIGKILL)?;
        let end = waitpid(child.pid, None)?;
        child.running = false;
        match end {
            WaitStatus::Signaled(_, Signal::SIGKILL, _) => Ok(()),
            end => bail!("{} was not killed, but ended with {end:?}", child.name),
        }
    }

    /// Reaps those that have ended, and returns how many still run.
    ///
    /// # Errors
    ///
    /// If one of them failed.
    pub fn reap(&mut self) -> anyhow::Result<usize> {
        for child in self.0.iter_mut().filter(|child| child.running) {
            match waitpid(child.pid, Some(WaitPidFlag::WNOHANG))? {
                WaitStatus::StillAlive => {}
                WaitStatus::Exited(_, 0) => child.running = false,
                end => {
                    child.running = false;
                    bail!("{} failed: {end:?}", child.name);
                }
            }
        }
        Ok(self.0.iter().filter(|child| child.running).count())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        let running = || self.0.iter().filter(|child| child.running);
        for child in running() {
            let _ = kill(child.pid, Signal::SIGKILL);
        }
        for child in running() {
            while waitpid(child.pid, None) == Err(Errno::EINTR) {}
        }
    }
}
