//! Signals that end a process, waited for instead of suffered.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Holds back the polite requests to end: SIGTERM, and SIGINT (Ctrl-C).
pub struct StopSignals {
    queue: SignalFd,
}

impl StopSignals {
    /// To be called while the process has one thread.
    pub fn block() -> io::Result<Self> {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGTERM);
        signals.add(Signal::SIGINT);
        signals.thread_block()?;
        let queue = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { queue })
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
            match poll(&mut queue, round_up(left)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whole milliseconds, lest the last part of one be spent spinning; or as many as `poll`
/// can wait for.
fn round_up(time: Duration) -> PollTimeout {
    PollTimeout::try_from(time + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
}
