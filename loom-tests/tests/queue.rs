//! Reservations that queue, pauses, and a queue that is full.
#![cfg(loom)]

use tidegate_loom_tests::{START, Time, World, model};

#[test]
fn reservations_queue_in_the_order_of_their_cas() {
    model(3, || {
        let world = World::new(Time::Still, &[(1, 10)], 2, 4);
        world.reserve(1, 0);
        world.race(&[|w| _ = w.reserve(1, 30), |w| _ = w.reserve(1, 30)]);
        let mut turns = [1, 2].map(|nth| world.granted(nth).ready);
        turns.sort_unstable();
        assert_eq!(turns, [START + 11, START + 21]);
    });
}

#[test]
fn of_two_reservations_a_queue_of_one_takes_one() {
    model(3, || {
        let world = World::new(Time::Still, &[(1, 10)], 1, 2);
        world.reserve(1, 0);
        world.race(&[|w| _ = w.reserve(1, 50), |w| _ = w.reserve(1, 50)]);
    });
}

#[test]
fn nobody_overtakes_those_who_queue() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 2, 4);
        world.reserve(1, 0);
        world.race(&[
            |w| _ = w.reserve(2, 30),
            |w| {
                w.reserve(1, 0);
                w.tick(11);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn a_queue_wraps_the_ring() {
    model(2, || {
        let world = World::new(Time::Global, &[(1, 10)], 1, 2);
        world.reserve(1, 0);
        world.reserve(1, 20);
        world.race(&[
            |w| {
                w.tick(11);
                w.reserve(1, 20);
                w.tick(10);
                w.reserve(1, 20);
            },
            |w| _ = w.reserve(1, 20),
        ]);
    });
}

#[test]
fn two_rates_and_a_queue() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 4), (3, 20)], 3, 8);
        world.reserve(2, 0);
        world.race(&[
            |w| _ = w.reserve(2, 40),
            |w| {
                w.tick(5);
                w.reserve(1, 40);
            },
        ]);
    });
}

#[test]
fn no_queue_is_full_while_the_window_has_room() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 4);
        world.die(1, 0, 0);
        world.race(&[
            |w| assert!(w.reserve(1, 50).is_some(), "a permit was left"),
            |w| {
                w.tick(5);
                // Stamps what the dead one left, by a clock ahead of the other's.
                w.ring().count(w.plan(), &|| w.now()).expect("open");
            },
        ]);
    });
}

#[test]
fn nobody_is_refused_for_a_helpers_later_clock() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 4);
        world.die(1, 0, 0);
        world.race(&[
            |w| assert!(w.reserve(1, 0).is_some(), "a permit was left"),
            |w| {
                w.tick(5);
                w.ring().count(w.plan(), &|| w.now()).expect("open");
            },
        ]);
    });
}

#[test]
fn a_helper_knows_the_pause_of_those_it_helps() {
    model(2, || {
        let world = World::new(Time::Still, &[(3, 10)], 4, 8);
        world.pause(START + 50);
        world.race(&[
            |w| assert_eq!(w.reserve(2, 100).expect("room").ready, START + 50),
            |w| assert!(w.reserve(1, 100).expect("room").ready >= START + 50),
        ]);
    });
}

#[test]
fn who_was_helped_after_a_resume_goes_at_the_earlier_time() {
    model(2, || {
        let world = World::new(Time::Still, &[(1, 10)], 3, 4);
        world.pause(START + 50);
        world.race(&[
            |w| w.in_one_go(|w| _ = w.resume()),
            |w| _ = w.reserve(1, 100),
            |w| _ = w.reserve(1, 100),
        ]);
    });
}
