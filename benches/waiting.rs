//! Callers who wait for their turn: what waiting costs, and what is lost by it.

use std::io;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::Serialize;
use tidegate::Limiter;

use crate::baselines::{Handle, Lock};
use crate::clock::boottime;
use crate::contender::{Contender, Limit};
use crate::harness::run;

/// A permit that somebody waited for; times in nanoseconds of one clock.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// The grant's instant.
    pub at: u64,
    /// When the call returned.
    pub returned: u64,
    /// How often the call slept.
    pub sleeps: u64,
}

/// A limiter that one process has opened, and can wait on.
pub trait Wait {
    /// Waits for one permit.
    fn acquire(&self) -> io::Result<Grant>;
}

impl Wait for &Limiter {
    fn acquire(&self) -> io::Result<Grant> {
        let permit = Limiter::acquire(self, "").map_err(io::Error::other)?;
        let returned = self.now().as_micros() * 1000;
        Ok(Grant {
            at: permit.at().as_micros() * 1000,
            returned,
            sleeps: permit.sleeps().into(),
        })
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

/// What so many waiters on one bucket came to.
#[derive(Debug, Clone, Serialize)]
pub struct Waiting {
    /// Grants of all.
    pub grants: u64,
    /// Sleeps of all, for each grant.
    pub sleeps_per_grant: f64,
    /// From a grant's instant until its call returned, of those that slept, in
    /// nanoseconds: median, 99th percentile, longest.
    pub overshoot: [u64; 3],
    /// Processor time of all, in microseconds for each grant.
    pub cpu_per_grant: f64,
    /// Grants in whole intervals from the first grant on, of those allowed.
    pub utilisation: f64,
    /// Grants in the fullest interval anywhere, of those allowed.
    pub fullest: f64,
}

/// Lets `waiters` processes wait in turn on one bucket of `rate` for `length`.
pub fn measure<C: Contender>(
    contender: &C,
    rate: Limit,
    waiters: usize,
    length: Duration,
) -> io::Result<Waiting>
where
    for<'a> C::Gate<'a>: Wait,
{
    let slice = run(waiters, length, |_, stage| {
        let gate = contender.enter()?;
        let mut grants = Vec::new();
        stage.start();
        let before = cpu_time()?;
        while stage.running() {
            let Grant {
                at,
                returned,
                sleeps,
            } = gate.acquire()?;
            grants.extend([at, returned, sleeps]);
        }
        grants.push((cpu_time()? - before) as u64);
        Ok(grants)
    })?;
    let mut cpu = 0;
    let mut grants = Vec::new();
    for result in &slice.results {
        let (triples, rest) = result.as_chunks::<3>();
        grants.extend(triples.iter().map(|&[at, returned, sleeps]| Grant {
            at,
            returned,
            sleeps,
        }));
        cpu += rest.iter().sum::<u64>();
    }
    Ok(summary(grants, cpu, rate, length))
}

/// Microseconds of processor time that this process has used.
fn cpu_time() -> io::Result<i64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds())
}

fn summary(mut grants: Vec<Grant>, cpu: u64, rate: Limit, length: Duration) -> Waiting {
    grants.sort_by_key(|grant| grant.at);
    let count = grants.len() as f64;
    let sleeps: u64 = grants.iter().map(|grant| grant.sleeps).sum();
    let slept = grants.iter().filter(|grant| grant.sleeps > 0);
    let mut late: Vec<u64> = slept
        .map(|grant| grant.returned.saturating_sub(grant.at))
        .collect();
    late.sort_unstable();
    let last = late.len().saturating_sub(1);
    let overshoot = [last / 2, last * 99 / 100, last].map(|at| late.get(at).copied().unwrap_or(0));

    let interval = rate.interval.as_nanos() as u64;
    let within = |first: usize, span: u64| {
        let from = grants[first].at;
        grants[first..].partition_point(|grant| grant.at - from < span) as f64
    };
    // One interval less than was measured: the last may have begun late.
    let whole = (length.as_nanos() as u64 / interval).saturating_sub(1);
    let utilisation = match grants.first() {
        Some(_) => within(0, whole * interval) / (whole * rate.limit) as f64,
        None => 0.0,
    };
    let fullest = (0..grants.len())
        .map(|first| within(first, interval))
        .fold(0.0, f64::max);
    Waiting {
        grants: grants.len() as u64,
        sleeps_per_grant: sleeps as f64 / count,
        overshoot,
        cpu_per_grant: cpu as f64 / count,
        utilisation,
        fullest: fullest / rate.limit as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Limit = Limit {
        limit: 2,
        interval: Duration::from_nanos(10),
    };

    fn at(times: &[u64]) -> Vec<Grant> {
        times
            .iter()
            .map(|&at| Grant {
                at,
                returned: at + 3,
                sleeps: 1,
            })
            .collect()
    }

    #[test]
    fn a_bucket_that_is_always_full_is_used_to_a_hundred_percent() {
        let waiting = summary(
            at(&[0, 1, 10, 11, 20, 21]),
            12,
            RATE,
            Duration::from_nanos(30),
        );
        assert_eq!((waiting.utilisation, waiting.fullest), (1.0, 1.0));
        assert_eq!((waiting.overshoot, waiting.cpu_per_grant), ([3; 3], 2.0));
    }

    #[test]
    fn one_grant_too_many_in_any_window_shows() {
        let waiting = summary(at(&[0, 5, 14, 14]), 0, RATE, Duration::from_nanos(30));
        assert_eq!(waiting.fullest, 1.5);
    }

    #[test]
    fn idle_intervals_show() {
        let waiting = summary(at(&[0, 1, 15]), 0, RATE, Duration::from_nanos(30));
        assert_eq!(waiting.utilisation, 0.75);
    }
}
