//! A process that stops or dies in the middle, and what that does to another.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

use serde::Serialize;

use crate::clock::{nanos_per_tick, ticks};
use crate::contender::{Contender, Gate};
use crate::process::Child;
use crate::shared::{Padded, Shareable, Shared};

/// How long the bystander is watched after each fault.
pub const WINDOW: Duration = Duration::from_millis(20);

/// What happens to the victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Fault {
    /// SIGSTOP.
    Stopped,
    /// SIGKILL.
    Killed,
}

/// What the bystander did in one window.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Aftermath {
    /// Calls that came to an end.
    pub calls: u64,
    /// The longest of them, in nanoseconds; the window if there was none.
    pub longest: f64,
}

/// What the bystander tells, each on a line of its own.
#[repr(C)]
struct Watch {
    calls: Padded<AtomicU64>,
    longest: Padded<AtomicU64>,
}

// SAFETY: atomics, for which zero is valid.
#[allow(unsafe_code)]
unsafe impl Shareable for Watch {}

/// Two processes call one limiter without pause; one of them, at an arbitrary
/// instant, meets `fault`; the other is watched. `trials` times, each on a
/// limiter of its own.
pub fn measure<C: Contender>(
    make: impl Fn() -> io::Result<C>,
    fault: Fault,
    trials: usize,
) -> io::Result<Vec<Aftermath>> {
    (0..trials)
        .map(|trial| once(&make()?, fault, trial))
        .collect()
}

fn once<C: Contender>(contender: &C, fault: Fault, trial: usize) -> io::Result<Aftermath> {
    let watch = Shared::<Watch>::new()?;
    let victim = Child::spawn(0, || call_for_ever(contender, |_| ()))?;
    let _bystander = Child::spawn(1, || {
        call_for_ever(contender, |took| {
            let calls = watch.calls.0.load(Relaxed);
            watch
                .longest
                .0
                .store(watch.longest.0.load(Relaxed).max(took), Relaxed);
            watch.calls.0.store(calls + 1, Relaxed);
        })
    })?;

    // Both are well under way; the steps are no multiple of a call's length.
    while watch.calls.0.load(Relaxed) < 1000 {
        sleep(Duration::from_micros(100));
    }
    sleep(Duration::from_micros(1000 + 37 * (trial as u64 % 16)));
    let _victim = match fault {
        Fault::Stopped => victim.stop().map(|()| Some(victim))?,
        Fault::Killed => victim.kill().map(|()| None)?,
    };
    let before = watch.calls.0.load(Relaxed);
    watch.longest.0.store(0, Relaxed);
    sleep(WINDOW);
    let calls = watch.calls.0.load(Relaxed) - before;
    let longest = match calls {
        0 => WINDOW.as_nanos() as f64,
        _ => watch.longest.0.load(Relaxed) as f64 * nanos_per_tick(),
    };
    Ok(Aftermath { calls, longest })
}

/// Calls until killed, and tells `after` how many ticks each call took.
fn call_for_ever<C: Contender>(contender: &C, after: impl Fn(u64)) -> io::Result<Vec<u64>> {
    let gate = contender.enter()?;
    loop {
        let start = ticks();
        std::hint::black_box(gate.try_acquire()).ok();
        after(ticks() - start);
    }
}
