//! Callers that stop for ever, at every step of a call.
//!
//! A caller stops wherever the model preempts it and lets all others end first: those
//! see a dead caller. Where preemptions are wanted for the others, the dead one is
//! made: it looks, swaps head, stamps a part of its run, and ends.
#![cfg(loom)]

use tidegate_loom_tests::{START, Time, World, model};

#[test]
fn a_caller_that_stops_anywhere_stops_nobody() {
    model(3, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 4);
        world.race(&[
            |w| _ = w.reserve(1, 0),
            |w| {
                w.in_one_go(|w| {
                    assert!(w.reserve(1, 0).is_some(), "a permit was left");
                    w.tick(11);
                    if w.reserve(2, 0).is_none() {
                        // The other one had reserved by now. That costs one interval.
                        w.tick(11);
                        assert!(w.reserve(2, 0).is_some(), "the limit is back");
                    }
                });
            },
        ]);
    });
}

#[test]
fn a_caller_that_stops_amid_a_heavy_run_costs_that_run_for_one_interval() {
    model(3, || {
        let world = World::new(Time::Global, &[(2, 5), (5, 10)], 0, 8);
        world.race(&[
            |w| _ = w.reserve(2, 0),
            |w| {
                w.in_one_go(|w| {
                    w.reserve(2, 0);
                    w.tick(6);
                    assert!(w.reserve(1, 0).is_some(), "five permits are not taken");
                    w.tick(11);
                    if w.reserve(2, 0).is_none() {
                        w.tick(6);
                        assert!(w.reserve(2, 0).is_some(), "the limit is back");
                    }
                });
            },
        ]);
    });
}

#[test]
fn one_who_queues_and_stops_anywhere_keeps_nobody_from_queueing() {
    model(3, || {
        let world = World::new(Time::Global, &[(1, 10)], 2, 4);
        world.reserve(1, 0);
        world.race(&[
            |w| _ = w.reserve(1, 30),
            |w| {
                w.in_one_go(|w| {
                    let run = w.reserve(1, 30).expect("there is room for both");
                    assert!([START + 11, START + 21].contains(&run.ready));
                });
            },
        ]);
    });
}

#[test]
fn two_callers_finish_a_run_that_was_never_stamped() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 4);
        world.die(2, 0, 0);
        world.race(&[|w| _ = w.reserve(1, 0), |w| _ = w.reserve(1, 0)]);
    });
}

#[test]
fn two_callers_finish_a_run_that_was_stamped_in_part() {
    model(2, || {
        let world = World::new(Time::Global, &[(3, 10)], 0, 4);
        world.die(2, 0, 1);
        world.race(&[
            |w| {
                w.tick(3);
                w.reserve(1, 0);
            },
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn an_owner_its_helper_and_a_clock_that_moves() {
    model(3, || {
        let world = World::new(Time::Global, &[(3, 10)], 0, 4);
        world.race(&[
            |w| _ = w.reserve(2, 0),
            |w| {
                w.tick(2);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn a_caller_dies_while_two_others_race() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 2);
        world.race(&[
            |w| w.in_one_go(|w| _ = w.die(1, 0, 0)),
            |w| _ = w.reserve(1, 0),
            |w| w.in_one_go(|w| _ = w.reserve(1, 0)),
        ]);
    });
}

#[test]
fn one_dies_after_another() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 1, 4);
        world.die(1, 0, 0);
        world.race(&[|w| _ = w.die(1, 0, 0), |w| _ = w.reserve(1, 20)]);
    });
}

#[test]
fn a_helper_stamps_what_is_queued_with_its_turn() {
    model(2, || {
        let world = World::new(Time::Global, &[(1, 10)], 2, 4);
        world.reserve(1, 0);
        world.die(1, 20, 0);
        world.race(&[
            |w| {
                let run = w.reserve(1, 40).expect("there is room to queue");
                assert_eq!(run.ready, START + 21);
            },
            |w| {
                w.tick(1);
                w.reserve(1, 5);
            },
        ]);
    });
}
