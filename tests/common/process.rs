//! Processes that a test starts, stops, kills and waits for, never longer than it has
//! patience.
#![allow(
    unsafe_code,
    reason = "forks, and leaves a forked child without unwinding"
)]

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setgid, setgroups, setuid};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine: what is not done by then hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the environment says of how many seconds a storm is to last.
fn storm_seconds() -> Option<u64> {
    let asked = std::env::var("TIDEGATE_STORM_SECONDS").ok()?;
    Some(asked.parse().unwrap())
}

/// How long a storm is to last: so many seconds, unless the environment says otherwise.
pub fn storm_time(usual_seconds: u64) -> Duration {
    Duration::from_secs(storm_seconds().unwrap_or(usual_seconds))
}

/// Tells how a storm went to whoever asked for one. It is in a process of its own, from which
/// the test harness takes no output.
pub fn tell_of_storm(figures: &str) {
    if storm_seconds().is_some() {
        eprintln!("{figures}");
    }
}

/// Waits until `is_so`, and fails the test if that does not come.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_micros(300));
    }
}

/// A child. Dropped, it is killed.
pub struct Process {
    pid: Pid,
    is_gone: bool,
}

impl Process {
    fn new(pid: Pid) -> Self {
        Self {
            pid,
            is_gone: false,
        }
    }

    /// Runs this binary again, with one test and what `dress` puts into its environment.
    #[allow(clippy::zombie_processes, reason = "it is waited for by its id")]
    pub fn execute(test: &str, dress: impl FnOnce(&mut Command)) -> Self {
        let binary = std::env::current_exe().unwrap();
        let mut command = Command::new(binary);
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        dress(&mut command);
        let child = command.spawn().unwrap();
        Self::new(Pid::from_raw(child.id().try_into().unwrap()))
    }

    /// Forks a child that does `work`, from a process that was started for its part, or
    /// from its child: there is no other thread but the harness's, which waits.
    pub fn fork(work: impl FnOnce()) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let is_alone = ["Threads:\t1", "Threads:\t2"]
            .iter()
            .any(|count| status.lines().any(|line| line == *count));
        assert!(is_alone, "there are other threads:\n{status}");
        Self::fork_among_threads(work)
    }

    /// Forks a child from a process that may have other threads: `work` must not take a
    /// lock that one of them may hold. The C library's allocator is safe.
    pub fn fork_among_threads(work: impl FnOnce()) -> Self {
        // SAFETY: either there are no other threads, or `work` takes none of their locks;
        // and the child never returns from here.
        match unsafe { fork() }.unwrap() {
            ForkResult::Parent { child } => Self::new(child),
            ForkResult::Child => {
                die_with_parent();
                let outcome = catch_unwind(AssertUnwindSafe(work));
                leave(if outcome.is_ok() { 0 } else { 101 })
            }
        }
    }

    /// Has somebody else do something: another user, in that group.
    pub fn as_user(user: u32, group: u32, work: impl FnOnce()) {
        Self::fork(|| {
            setgroups(&[]).unwrap();
            setgid(Gid::from_raw(group)).unwrap();
            setuid(Uid::from_raw(user)).unwrap();
            work();
        })
        .join();
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// Stops it, and returns when it has stopped.
    pub fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let status = self.next_change(WaitPidFlag::WUNTRACED);
        assert_eq!(status, WaitStatus::Stopped(self.pid, Signal::SIGSTOP));
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Kills it, and returns when it is gone. It may have left before.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait();
    }

    /// How it ended.
    pub fn wait(&mut self) -> WaitStatus {
        let status = self.next_change(WaitPidFlag::empty());
        self.is_gone = true;
        status
    }

    /// Waits until it has done its work, and fails if it did not.
    pub fn join(mut self) {
        let status = self.wait();
        assert_eq!(
            status,
            WaitStatus::Exited(self.pid, 0),
            "its complaint is above"
        );
    }

    fn next_change(&self, what: WaitPidFlag) -> WaitStatus {
        let mut status = WaitStatus::StillAlive;
        eventually("a process to end, or to stop", || {
            status = match waitpid(self.pid, Some(what | WaitPidFlag::WNOHANG)) {
                Err(Errno::EINTR) => WaitStatus::StillAlive,
                other => other.unwrap(),
            };
            status != WaitStatus::StillAlive
        });
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_gone {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

/// Has the kernel kill this process when its parent dies, so that nothing outlives a
/// test that was killed.
pub fn die_with_parent() {
    set_pdeathsig(Signal::SIGKILL).unwrap();
}

/// Ends this process at once: nothing is unwound or dropped that is its parent's.
pub fn leave(code: i32) -> ! {
    // SAFETY: it only ends the process.
    unsafe { libc::_exit(code) }
}
