//! Signals that end a process, waited for instead of suffered.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The longest single sleep: any system can express it.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Holds back the polite requests to end.
pub struct StopSignals {
    queue: SignalFd,
    /// The signals that were held back before.
    before: SigSet,
}

impl StopSignals {
    /// Holds back those signals, but for those that this process was started to ignore
    /// (by `nohup`, or in the background). To be called while the process has one thread.
    pub fn block(signals: &[Signal]) -> io::Result<Self> {
        let ignored = ignored();
        let before = SigSet::thread_get_mask()?;
        let mut held = SigSet::empty();
        for &signal in signals {
            if !is_in(ignored, signal) && !before.contains(signal) {
                held.add(signal);
            }
        }
        held.thread_block()?;
        let queue = SignalFd::with_flags(&held, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { queue, before })
    }

    /// The next signal, if one comes within `time`.
    pub fn wait(&self, time: Duration) -> io::Result<Option<Signal>> {
        let started = Instant::now();
        loop {
            if let Some(came) = self.queue.read_signal()? {
                let number = i32::try_from(came.ssi_signo).unwrap_or(0);
                return Ok(Signal::try_from(number).ok());
            }
            let left = time.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            let mut queue = [PollFd::new(self.queue.as_fd(), PollFlags::POLLIN)];
            match ppoll(&mut queue, Some(TimeSpec::from(left.min(LONGEST))), None) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Holds back no signals any more: what this process becomes next is to get them.
    pub fn release(self) -> io::Result<()> {
        Ok(self.before.thread_set_mask()?)
    }
}

/// Ends this process as that signal does, if it can.
pub fn end_by(signal: Signal) {
    let mut one = SigSet::empty();
    one.add(signal);
    let _ = one.thread_unblock().and_then(|()| raise(signal));
}

/// The signals that this process ignores, a bit each; none where the system does not tell.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0)
}

fn is_in(mask: u64, signal: Signal) -> bool {
    mask >> (signal as u32 - 1) & 1 == 1
}
