//! Tasks of one process that wait on one limiter.

use std::future::poll_fn;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Jitter, Quota, RateLimiter};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tidegate::{AcquireError, Limiter};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use crate::clock::boottime;
use crate::contender::Limit;
use crate::process::{Child, pin};
use crate::waiting::figures::{Grant, Usage, Waiting};
use crate::waiting::pace::Pace;

/// Threads of the executor, each on a core of its own.
const WORKERS: usize = 2;
/// How long a crowd waits before it is measured, of the time that it is.
const WARM_UP: u32 = 5;
/// How long a process may take besides.
const PATIENCE: Duration = Duration::from_secs(30);

/// A limiter that tasks can wait on.
pub trait WaitAsync: Send + Sync + 'static {
    /// Waits for one permit. Returns the grant's instant, if the limiter tells it, in
    /// nanoseconds.
    fn acquire(&self) -> impl Future<Output = Result<Option<u64>, AcquireError>> + Send;

    /// Nanoseconds on the clock of those instants.
    fn now(&self) -> u64 {
        boottime()
    }
}

impl WaitAsync for Limiter {
    async fn acquire(&self) -> Result<Option<u64>, AcquireError> {
        let permit = self.acquire_async("").await?;
        Ok(Some(permit.at().as_micros() * 1000))
    }

    fn now(&self) -> u64 {
        Limiter::now(self).expect("rings have a clock").as_micros() * 1000
    }
}

/// The same limiter, by tasks that try until they are granted.
#[derive(Debug, Clone)]
pub struct Polling(pub Limiter, pub Pace);

impl WaitAsync for Polling {
    async fn acquire(&self) -> Result<Option<u64>, AcquireError> {
        let Self(limiter, pace) = self;
        loop {
            let refusal = match limiter.try_acquire("") {
                Ok(permit) => return Ok(Some(permit.at().as_micros() * 1000)),
                Err(refusal) => refusal,
            };
            sleep(pace.after(refusal)?).await;
        }
    }

    fn now(&self) -> u64 {
        WaitAsync::now(&self.0)
    }
}

impl WaitAsync for DefaultDirectRateLimiter {
    async fn acquire(&self) -> Result<Option<u64>, AcquireError> {
        self.until_ready().await;
        Ok(None)
    }
}

/// governor by tasks that add something by chance to each of their sleeps, up to that long,
/// as its documentation advises where many wait.
pub struct Jittery(pub DefaultDirectRateLimiter, pub Duration);

impl WaitAsync for Jittery {
    async fn acquire(&self) -> Result<Option<u64>, AcquireError> {
        let jitter = Jitter::up_to(self.1);
        self.0.until_ready_with_jitter(jitter).await;
        Ok(None)
    }
}

impl WaitAsync for leaky_bucket::RateLimiter {
    async fn acquire(&self) -> Result<Option<u64>, AcquireError> {
        self.acquire_one().await;
        Ok(None)
    }
}

/// governor at that rate, with all of it as its burst.
pub fn governor(rate: Limit) -> io::Result<DefaultDirectRateLimiter> {
    let burst = u32::try_from(rate.limit).ok().and_then(NonZero::new);
    let quota = burst.and_then(|burst| {
        let period = rate.interval / burst.get();
        Some(Quota::with_period(period)?.allow_burst(burst))
    });
    let quota = quota.ok_or_else(|| io::Error::other("governor has no such quota"))?;
    Ok(RateLimiter::direct(quota))
}

/// A leaky bucket that gets the limit anew in each interval.
pub fn leaky_bucket(rate: Limit) -> leaky_bucket::RateLimiter {
    let limit = rate.limit as usize;
    leaky_bucket::RateLimiter::builder()
        .max(limit)
        .initial(limit)
        .refill(limit)
        .interval(rate.interval)
        .build()
}

/// Lets so many tasks of a process of their own wait on what `open` opens there, and measures
/// them for `length` when they have waited for a while. Each asks again as soon as it is
/// granted.
pub fn measure<W: WaitAsync>(
    open: impl FnOnce() -> io::Result<W>,
    rate: Limit,
    tasks: usize,
    length: Duration,
) -> io::Result<Waiting> {
    let child = Child::spawn(0, || wait_and_see(open()?, tasks, length))?;
    let words = child.join(length * 2 + PATIENCE)?;
    let (quads, rest) = words.as_chunks::<4>();
    let mut grants = vec![Vec::new(); tasks];
    for &[task, at, returned, sleeps] in quads {
        grants[task as usize].push(Grant {
            at,
            returned,
            sleeps,
        });
    }
    let usage = match *rest {
        [cpu, wakeups] => Usage { cpu, wakeups },
        _ => Usage::default(),
    };
    Ok(Waiting::of(&grants, usage, rate, length))
}

/// Tasks, and what becomes of them.
struct Crowd<W> {
    limiter: W,
    /// How often each was polled.
    polls: Vec<AtomicU64>,
    grants: Mutex<Vec<(usize, Grant)>>,
    failure: Mutex<Option<AcquireError>>,
}

impl<W: WaitAsync> Crowd<W> {
    /// Waits for ever.
    async fn wait(&self, task: usize) {
        loop {
            let before = self.polls(task);
            let at = match self.limiter.acquire().await {
                Ok(at) => at,
                Err(error) => {
                    *lock(&self.failure) = Some(error);
                    return;
                }
            };
            let returned = self.limiter.now();
            let grant = Grant {
                at: at.unwrap_or(returned),
                returned,
                sleeps: self.polls(task) - before,
            };
            lock(&self.grants).push((task, grant));
        }
    }

    fn polls(&self, task: usize) -> u64 {
        // Relaxed: a task sees its own polls, and a sum may miss some.
        self.polls[task].load(Ordering::Relaxed)
    }

    /// What all have used so far, and when that was.
    fn used(&self) -> io::Result<(Usage, u64)> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let usage = Usage {
            cpu: (usage.user_time() + usage.system_time()).num_microseconds() as u64,
            wakeups: (0..self.polls.len()).map(|task| self.polls(task)).sum(),
        };
        Ok((usage, self.limiter.now()))
    }
}

/// What happens in the process: grants by task, and then what all of them used.
fn wait_and_see<W: WaitAsync>(limiter: W, tasks: usize, length: Duration) -> io::Result<Vec<u64>> {
    let runtime = runtime()?;
    let crowd = Arc::new(Crowd {
        limiter,
        polls: (0..tasks).map(|_| AtomicU64::new(0)).collect(),
        grants: Mutex::default(),
        failure: Mutex::default(),
    });
    for task in 0..tasks {
        let crowd = crowd.clone();
        runtime.spawn(async move {
            let mut wait = Box::pin(crowd.wait(task));
            poll_fn(|context| {
                crowd.polls[task].fetch_add(1, Ordering::Relaxed);
                wait.as_mut().poll(context)
            })
            .await;
        });
    }
    thread::sleep(length / WARM_UP);
    let (before, from) = crowd.used()?;
    thread::sleep(length);
    let (after, to) = crowd.used()?;
    runtime.shutdown_background();

    if let Some(error) = lock(&crowd.failure).take() {
        return Err(io::Error::other(error));
    }
    let grants = lock(&crowd.grants);
    let measured = grants
        .iter()
        .filter(|(_, grant)| (from..to).contains(&grant.returned));
    let mut words: Vec<u64> = measured
        .flat_map(|&(task, grant)| [task as u64, grant.at, grant.returned, grant.sleeps])
        .collect();
    words.extend([after.cpu - before.cpu, after.wakeups - before.wakeups]);
    Ok(words)
}

fn runtime() -> io::Result<Runtime> {
    let started = AtomicUsize::new(0);
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .on_thread_start(move || {
            // Where that is not allowed, the system chooses.
            pin(started.fetch_add(1, Ordering::Relaxed)).ok();
        })
        .enable_time()
        .build()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
