//! The hand-over of a cache line between two cores, which every contended figure
//! hangs on, and which on some machines changes by a factor of eight in minutes.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::harness::run;
use crate::process::cores;
use crate::shared::{Padded, Shared};

/// Nanoseconds from one core's store until the other has seen it and stored in
/// turn; none on a machine with one core.
pub fn hand_over(length: Duration) -> io::Result<Option<f64>> {
    if cores()?.len() < 2 {
        return Ok(None);
    }
    let ball = Shared::<Padded<AtomicU64>>::new()?;
    let ball = &ball.0;
    let slice = run(2, length, |index, stage| {
        let mine = index as u64;
        let mut hits = 0;
        stage.start();
        while stage.running() {
            let seen = ball.load(Ordering::Acquire);
            if seen % 2 == mine {
                ball.store(seen + 1, Ordering::Release);
                hits += 1;
            }
        }
        Ok(vec![hits])
    })?;
    let hits: u64 = slice.results.iter().flatten().sum();
    Ok(Some(slice.elapsed.as_secs_f64() * 1e9 / hits as f64))
}
