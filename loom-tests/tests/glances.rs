//! Callers whose clock read the processor has moved ahead of all that they look at: models by a
//! glance at the clock that was taken when the call began.
#![cfg(loom)]

use tidegate_loom_tests::{Keyed, Time, World, model};

#[test]
fn what_was_leaked_has_left_the_window_also_of_who_looked_at_the_clock_too_early() {
    model(3, || {
        let world = World::new(Time::Early, &[(1, 3)], 0, 2);
        world.reserve(1, 0);
        world.tick(2);
        world.race(&[
            |w| {
                w.tick(2);
                w.leak();
            },
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn of_two_who_looked_early_one_gets_the_last_permit() {
    model(2, || {
        let world = World::new(Time::Early, &[(1, 10)], 0, 2);
        world.race(&[
            |w| {
                w.tick(2);
                _ = w.reserve(1, 0);
            },
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn who_looked_early_does_not_go_before_who_came_first() {
    model(2, || {
        let world = World::new(Time::Early, &[(2, 10)], 0, 2);
        world.race(&[
            |w| {
                w.tick(2);
                _ = w.reserve(1, 0);
            },
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn a_key_whose_bucket_was_evicted_gets_no_permit_too_early() {
    model(2, || {
        let keyed = Keyed::new(Time::Early, 2, 1);
        keyed.ask("a");
        keyed.tick(9);
        keyed.race(&[
            |k| {
                k.tick(2);
                k.evict(0);
            },
            |k| _ = k.ask("a"),
        ]);
    });
}
