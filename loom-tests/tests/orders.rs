//! What the orderings of memory promise: models by the weakest clock that suffices.
#![cfg(loom)]

use tidegate_loom_tests::{START, Time, World, model};

#[test]
fn what_was_leaked_has_left_the_window_of_whoever_sees_the_tail() {
    model(3, || {
        let world = World::new(Time::Causal, &[(1, 10)], 0, 2);
        world.reserve(1, 0);
        world.race(&[
            |w| {
                w.tick(11);
                w.leak();
            },
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn a_helper_reads_a_clock_no_older_than_the_owners() {
    model(3, || {
        let world = World::new(Time::Causal, &[(2, 10)], 0, 4);
        world.race(&[
            |w| {
                w.tick(11);
                let run = w.reserve(1, 0).expect("a permit was left");
                assert!(run.ready >= START + 11, "granted before the call");
            },
            |w| _ = w.ring().count(w.plan(), &|| w.now()).expect("open"),
        ]);
    });
}

#[test]
fn a_caller_that_is_granted_saw_all_stamps_before_it() {
    model(2, || {
        let world = World::new(Time::Causal, &[(2, 10)], 0, 2);
        world.race(&[
            |w| {
                w.reserve(1, 0);
                w.reserve(1, 0);
            },
            |w| {
                w.tick(1);
                w.reserve(1, 0);
            },
        ]);
    });
}
