//! Callers that stop for ever, at every step of a call.
//!
//! A caller stops wherever the model preempts it and lets all others end first: those
//! see a dead caller. Where preemptions are wanted for the others, the dead one is
//! made: it looks, swaps head, stamps a part of its run, and ends.
#![cfg(loom)]

use tidegate_loom_tests::{START, Time, World, model};

/// What a survivor can rely on, wherever the other caller, of one permit, has stopped.
fn go_on_alone(w: &World) {
    assert!(w.reserve(1, 0).is_some(), "a permit was left");
    w.tick(11);
    if w.reserve(2, 0).is_none() {
        // The other one had reserved by now. That costs one interval, no more.
        w.tick(11);
        assert!(w.reserve(2, 0).is_some(), "the full limit is back");
    }
}

#[test]
fn a_caller_that_stops_anywhere_stops_nobody() {
    model(3, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 4);
        world.race(&[|w| _ = w.reserve(1, 0), go_on_alone]);
    });
}

#[test]
fn a_caller_that_stops_amid_a_heavy_run_costs_that_run_for_one_interval() {
    model(3, || {
        let world = World::new(Time::Global, &[(3, 10)], 0, 4);
        world.race(&[
            |w| _ = w.reserve(2, 0),
            |w| {
                assert!(w.reserve(1, 0).is_some(), "a permit was left");
                w.tick(11);
                w.reserve(1, 0);
                w.tick(11);
                // Whatever the other one does, the survivor's second permit alone
                // cannot fill the window.
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn two_callers_finish_a_run_that_was_never_stamped() {
    model(3, || {
        let world = World::new(Time::Still, &[(3, 10)], 0, 4);
        world.die(2, 0, 0);
        world.race(&[|w| _ = w.reserve(1, 0), |w| _ = w.reserve(1, 0)]);
    });
}

#[test]
fn two_callers_finish_a_run_that_was_stamped_in_part() {
    model(2, || {
        let world = World::new(Time::Global, &[(4, 10)], 0, 4);
        world.die(3, 0, 1);
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
    model(2, || {
        let world = World::new(Time::Global, &[(3, 10)], 0, 4);
        world.race(&[
            |w| _ = w.reserve(2, 0),
            |w| {
                w.tick(2);
                w.reserve(1, 0);
                w.tick(9);
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
            |w| _ = w.die(1, 0, 0),
            |w| _ = w.reserve(1, 0),
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn one_dies_after_another() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 1, 4);
        world.die(1, 0, 0);
        world.race(&[
            |w| _ = w.die(1, 0, 0),
            |w| {
                w.reserve(1, 20);
                w.tick(11);
                w.reserve(1, 0);
            },
        ]);
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
