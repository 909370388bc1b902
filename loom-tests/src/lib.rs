//! Loom models of the ring: the harness. README.md says what is modelled, and which
//! breakage each model catches.
#![cfg(loom)]

mod judge;
mod keyed;
mod keyed_judge;
mod watch;
mod world;

pub use keyed::{Keyed, Name};
pub use world::{Time, World, plan};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The most interleavings that a model may have: some minutes of them. One that has more is
/// to be cut, not left half explored: nobody should take a part for the whole.
const MOST: u64 = 2_000_000;

/// The first tick of every model.
pub const START: u64 = 100;

/// Explores every interleaving of `body` that has at most `preemptions` preemptions,
/// and every value that a load may return in each.
///
/// A thread that is preempted and never scheduled again until all others have ended
/// is, for them, a caller that has stopped for ever.
pub fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let begun = Instant::now();
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(move || {
        let earlier = counted.fetch_add(1, Ordering::Relaxed);
        assert!(
            earlier < MOST,
            "more than {MOST} interleavings: cut the model"
        );
        body();
    });
    let runs = runs.load(Ordering::Relaxed);
    // One interleaving would mean that the model has no race in it.
    assert!(runs > 1, "a model of one interleaving proves nothing");
    println!("all {runs} interleavings in {:?}", begun.elapsed());
}
