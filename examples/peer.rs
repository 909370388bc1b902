//! One worker among those who share a segment, in whatever language these are written: takes
//! permits one by one, waiting its turn, and logs them for the judge.
//!
//! ```sh
//! cargo run --release --example peer -- SEGMENT LOG WORKER SECONDS
//! ```

use anyhow::{Context, bail};
use std::env;
use std::time::{Duration, Instant};
use tidegate::{AcquireError, Limiter};
use tidegate_judge::{Grant, Log};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [segment, log, worker, seconds] = &arguments[..] else {
        bail!("usage: peer SEGMENT LOG WORKER SECONDS");
    };
    let worker = worker.parse().context("WORKER is a number")?;
    let seconds = seconds.parse().context("SECONDS is a number")?;
    let limiter = Limiter::shared(segment).adopt().attach_only().open()?;
    let mut log = Log::create(log)?;
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let before = limiter.now()?.as_micros();
        let permit = match limiter.acquire_timeout("", 1, left) {
            Ok(permit) => permit,
            Err(AcquireError::Limited { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        log.append(&Grant {
            before,
            at: permit.at().as_micros(),
            after: limiter.now()?.as_micros(),
            weight: permit.weight(),
            worker,
            sleeps: permit.sleeps(),
        })?;
    }
}
