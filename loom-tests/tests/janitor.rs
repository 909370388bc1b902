//! Leaks and flushes while callers come.
#![cfg(loom)]

use tidegate_loom_tests::{Time, World, model};

#[test]
fn leak_and_acquire() {
    model(3, || {
        let world = World::new(Time::Global, &[(1, 10)], 0, 2);
        world.reserve(1, 0);
        world.tick(10);
        world.race(&[
            |w| {
                w.tick(1);
                w.leak();
            },
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn a_leak_finishes_what_it_finds_unfinished() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 4);
        world.die(1, 0, 0);
        world.race(&[
            |w| _ = w.leak(),
            |w| {
                w.reserve(1, 0);
                w.tick(11);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn leak_and_two_callers() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 2);
        world.reserve(1, 0);
        world.tick(11);
        world.race(&[
            |w| _ = w.leak(),
            |w| w.in_one_go(|w| _ = w.reserve(1, 0)),
            |w| w.in_one_go(|w| _ = w.reserve(2, 0)),
        ]);
    });
}

#[test]
fn two_leakers_and_a_wrap() {
    model(2, || {
        let world = World::new(Time::Global, &[(1, 10)], 0, 1);
        world.reserve(1, 0);
        world.tick(11);
        world.race(&[
            |w| _ = w.leak(),
            |w| {
                w.reserve(1, 0);
                w.leak();
                w.tick(11);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn flush_and_acquire() {
    model(3, || {
        let world = World::new(Time::Still, &[(1, 10)], 0, 2);
        world.reserve(1, 0);
        world.race(&[World::flush, |w| {
            w.reserve(1, 0);
            w.reserve(1, 0);
        }]);
    });
}

#[test]
fn flush_and_two_callers() {
    model(2, || {
        let world = World::new(Time::Still, &[(1, 10)], 0, 2);
        world.reserve(1, 0);
        world.race(&[
            World::flush,
            |w| _ = w.reserve(1, 0),
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn flush_and_a_helper() {
    model(3, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 4);
        world.die(2, 0, 1);
        world.race(&[World::flush, |w| {
            w.reserve(1, 0);
            w.reserve(2, 0);
        }]);
    });
}

#[test]
fn a_flush_leaves_a_hole_and_the_ring_goes_on_over_it() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 2);
        world.die(1, 0, 0);
        world.race(&[World::flush, |w| {
            w.reserve(1, 0);
            w.tick(11);
            w.reserve(2, 0);
            w.tick(11);
            w.reserve(2, 0);
        }]);
    });
}

#[test]
fn flush_and_an_owner_who_is_helped() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 2, 4);
        world.reserve(1, 0);
        world.race(&[
            World::flush,
            |w| _ = w.reserve(2, 20),
            |w| w.in_one_go(|w| _ = w.reserve(1, 20)),
        ]);
    });
}
