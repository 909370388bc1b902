//! Several pinned processes doing the same for a slice of time.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::contender::{Contender, Gate};
use crate::process::Child;
use crate::shared::{Padded, Shareable, Shared};

/// Calls before the start line, so that pages, branches and the ring are warm.
const WARM_UP: usize = 256;
/// No more of them, once they took so long: a call may wait for a disk.
const WARM_ENOUGH: Duration = Duration::from_millis(20);
/// How long processes may take to reach the start line, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

const WAITING: u32 = 0;
const RUNNING: u32 = 1;
const OVER: u32 = 2;

/// The start line and the finish, in memory that all share.
#[derive(Debug)]
#[repr(C)]
struct Flags {
    ready: Padded<AtomicU32>,
    phase: Padded<AtomicU32>,
}

// SAFETY: atomics, for which zero is valid.
#[allow(unsafe_code)]
unsafe impl Shareable for Flags {}

/// What a process of a slice sees of it.
#[derive(Debug)]
pub struct Stage(Shared<Flags>);

impl Stage {
    /// Waits for the others.
    pub fn start(&self) {
        self.0.ready.0.fetch_add(1, Ordering::AcqRel);
        while self.phase() == WAITING {
            let _ = nix::sched::sched_yield();
        }
    }

    /// Whether the slice goes on. The line it reads changes twice in a slice, so
    /// asking before every call costs next to nothing.
    #[inline]
    pub fn running(&self) -> bool {
        self.phase() != OVER
    }

    #[inline]
    fn phase(&self) -> u32 {
        self.0.phase.0.load(Ordering::Acquire)
    }
}

/// What came of a slice.
#[derive(Debug)]
pub struct Slice {
    /// From the start signal to the signal to end.
    pub elapsed: Duration,
    /// What each process returned.
    pub results: Vec<Vec<u64>>,
}

/// Forks `processes`, each pinned to core `index` modulo two and running `work`,
/// which must call [`Stage::start`] and end soon after [`Stage::running`] is false.
pub fn run(
    processes: usize,
    length: Duration,
    work: impl Fn(usize, &Stage) -> io::Result<Vec<u64>>,
) -> io::Result<Slice> {
    let stage = Stage(Shared::new()?);
    let children = (0..processes)
        .map(|index| Child::spawn(index, || work(index, &stage)))
        .collect::<io::Result<Vec<_>>>()?;

    let deadline = Instant::now() + PATIENCE;
    while stage.0.ready.0.load(Ordering::Acquire) < processes as u32 {
        if Instant::now() > deadline {
            return Err(io::Error::other("not all processes reached the start line"));
        }
        sleep(Duration::from_micros(100));
    }
    stage.0.phase.0.store(RUNNING, Ordering::Release);
    let start = Instant::now();
    sleep(length);
    stage.0.phase.0.store(OVER, Ordering::Release);
    let elapsed = start.elapsed();

    let results = children
        .into_iter()
        .map(|child| child.join(PATIENCE))
        .collect::<io::Result<_>>()?;
    Ok(Slice { elapsed, results })
}

/// Calls per second of all `processes` together.
pub fn throughput<C: Contender>(
    contender: &C,
    processes: usize,
    length: Duration,
) -> io::Result<f64> {
    let slice = run(processes, length, |_, stage| {
        let gate = contender.enter()?;
        warm_up(&gate);
        let mut calls = 0;
        stage.start();
        while stage.running() {
            std::hint::black_box(gate.try_acquire()).ok();
            calls += 1;
        }
        Ok(vec![calls])
    })?;
    let calls: u64 = slice.results.iter().flatten().sum();
    Ok(calls as f64 / slice.elapsed.as_secs_f64())
}

/// How many permits `processes` take together, each until it is refused, or has `enough`.
pub fn grants<C: Contender>(contender: &C, processes: usize, enough: u64) -> io::Result<u64> {
    let slice = run(processes, Duration::ZERO, |_, stage| {
        let gate = contender.enter()?;
        let mut granted = 0;
        stage.start();
        while granted < enough && gate.try_acquire().is_ok() {
            granted += 1;
        }
        Ok(vec![granted])
    })?;
    Ok(slice.results.iter().flatten().sum())
}

/// What every process of a measurement does before the start line.
pub(crate) fn warm_up(gate: &impl Gate) {
    let enough = Instant::now() + WARM_ENOUGH;
    for _ in 0..WARM_UP {
        std::hint::black_box(gate.try_acquire()).ok();
        if Instant::now() > enough {
            break;
        }
    }
}
