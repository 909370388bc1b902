//! Callers that race for what is left.
#![cfg(loom)]

use tidegate_loom_tests::{Time, World, model};

#[test]
fn of_two_callers_one_gets_the_last_permit() {
    model(3, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 2);
        world.reserve(1, 0);
        world.race(&[|w| _ = w.reserve(1, 0), |w| _ = w.reserve(1, 0)]);
    });
}

#[test]
fn of_three_callers_two_get_the_two_permits() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 2);
        world.race(&[
            |w| _ = w.reserve(1, 0),
            |w| w.in_one_go(|w| _ = w.reserve(1, 0)),
            |w| w.in_one_go(|w| _ = w.reserve(1, 0)),
        ]);
    });
}

#[test]
fn all_of_a_run_or_none_of_it() {
    model(2, || {
        let world = World::new(Time::Still, &[(3, 10)], 0, 4);
        world.race(&[|w| _ = w.reserve(2, 0), |w| _ = w.reserve(2, 0)]);
    });
}

#[test]
fn two_rates_are_checked_in_one_step() {
    model(2, || {
        let world = World::new(Time::Global, &[(1, 4), (2, 20)], 0, 2);
        world.reserve(1, 0);
        world.tick(10);
        world.race(&[
            |w| {
                w.reserve(1, 0);
                w.tick(5);
                w.reserve(1, 0);
            },
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn the_ring_wraps_while_callers_race() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 2);
        world.reserve(2, 0);
        world.tick(11);
        world.race(&[
            |w| {
                w.reserve(1, 0);
                w.in_one_go(|w| {
                    w.tick(11);
                    w.reserve(2, 0);
                });
            },
            |w| _ = w.reserve(1, 0),
        ]);
    });
}
