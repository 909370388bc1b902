//! Loom models of the ring: the harness. README.md says what is modelled, and which
//! breakage each model catches.
#![cfg(loom)]

mod judge;
mod keyed;
mod keyed_judge;
mod world;

pub use keyed::{Keyed, Name};
pub use world::{Time, World, plan};

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The longest that one model explores. Most are through with all interleavings sooner;
/// those that are not say so.
const SECONDS: u64 = 15;

/// The first tick of every model.
pub const START: u64 = 100;

/// Explores every interleaving of `body` that has at most `preemptions` preemptions,
/// and every value that a load may return in each.
///
/// A thread that is preempted and never scheduled again until all others have ended
/// is, for them, a caller that has stopped for ever.
pub fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let begun = Instant::now();
    let runs = std::sync::Arc::new(Mutex::new(0_u64));
    let counted = runs.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.max_duration = Some(Duration::from_secs(SECONDS));
    builder.check(move || {
        *counted.lock().expect("no model panicked") += 1;
        body();
    });
    let runs = *runs.lock().expect("no model panicked");
    // One interleaving would mean that the model has no race in it.
    assert!(runs > 1, "a model of one interleaving proves nothing");
    let whole = if begun.elapsed() < Duration::from_secs(SECONDS) {
        "all"
    } else {
        "the first"
    };
    println!("{whole} {runs} interleavings in {:?}", begun.elapsed());
}
