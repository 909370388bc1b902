//! Processes that wait on one bucket.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tidegate::Limiter;

use crate::baselines::{Handle, Lock};
use crate::clock::boottime;
use crate::contender::Limit;
use crate::harness::run;
use crate::waiting::figures::{Grant, Usage, Waiting};
use crate::waiting::pace::Pace;

/// A limiter that one process has opened, and can wait on.
pub trait Wait {
    /// Waits for one permit.
    fn acquire(&self) -> io::Result<Grant>;
}

impl Wait for &Limiter {
    fn acquire(&self) -> io::Result<Grant> {
        let permit = Limiter::acquire(self, "").map_err(io::Error::other)?;
        Ok(Grant {
            at: permit.at().as_micros() * 1000,
            returned: self.now().map_err(io::Error::other)?.as_micros() * 1000,
            sleeps: permit.sleeps().into(),
        })
    }
}

/// The same limiter, by who tries until it is granted.
#[derive(Debug, Clone, Copy)]
pub struct Polling<'a>(pub &'a Limiter, pub Pace);

impl Wait for Polling<'_> {
    fn acquire(&self) -> io::Result<Grant> {
        let Self(limiter, pace) = self;
        let mut sleeps = 0;
        loop {
            match limiter.try_acquire("") {
                Ok(permit) => {
                    return Ok(Grant {
                        at: permit.at().as_micros() * 1000,
                        returned: limiter.now().map_err(io::Error::other)?.as_micros() * 1000,
                        sleeps,
                    });
                }
                Err(refusal) => sleep(pace.after(refusal).map_err(io::Error::other)?),
            }
            sleeps += 1;
        }
    }
}

impl<L: Lock> Wait for Handle<'_, L> {
    fn acquire(&self) -> io::Result<Grant> {
        let (at, sleeps) = self.acquire_by_polling();
        Ok(Grant {
            at,
            returned: boottime(),
            sleeps,
        })
    }
}

/// Lets `waiters` processes, each with what `enter` opens in it, wait in turn on one bucket
/// of `rate` for `length`. Each asks again as soon as it is granted.
pub fn measure<W: Wait>(
    enter: impl Fn() -> io::Result<W>,
    rate: Limit,
    waiters: usize,
    length: Duration,
) -> io::Result<Waiting> {
    let slice = run(waiters, length, |_, stage| {
        let gate = enter()?;
        let mut words = Vec::new();
        stage.start();
        let before = used()?;
        while stage.running() {
            let grant = gate.acquire()?;
            words.extend([grant.at, grant.returned, grant.sleeps]);
        }
        let after = used()?;
        words.extend([after.cpu - before.cpu, after.wakeups - before.wakeups]);
        Ok(words)
    })?;
    let mut usage = Usage::default();
    let mut grants = Vec::new();
    for words in &slice.results {
        let (triples, rest) = words.as_chunks::<3>();
        let grant = |&[at, returned, sleeps]: &[u64; 3]| Grant {
            at,
            returned,
            sleeps,
        };
        grants.push(triples.iter().map(grant).collect());
        if let &[cpu, wakeups] = rest {
            usage.cpu += cpu;
            usage.wakeups += wakeups;
        }
    }
    Ok(Waiting::of(&grants, usage, rate, length))
}

/// What this process has used so far. It is woken as often as it gave up its processor of
/// its own accord.
fn used() -> io::Result<Usage> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(Usage {
        cpu: (usage.user_time() + usage.system_time()).num_microseconds() as u64,
        wakeups: usage.voluntary_context_switches() as u64,
    })
}
