//! Permits that are given back while others come, help, leak and give back.
#![cfg(loom)]

use tidegate_loom_tests::{START, Time, World, model};

#[test]
fn cancel_and_acquire() {
    model(3, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 4);
        world.reserve(2, 0);
        world.race(&[
            |w| w.cancel(&w.granted(0)),
            |w| {
                w.reserve(1, 0);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn what_is_given_back_and_taken_again_is_given_back_again() {
    model(2, || {
        let world = World::new(Time::Still, &[(1, 10)], 0, 4);
        let take_and_give_back: fn(&World) = |w| {
            if let Some(run) = w.reserve(1, 0) {
                w.cancel(&run);
            }
        };
        world.race(&[take_and_give_back, take_and_give_back]);
        // Nothing counts: two voids are no more than the ring can look past.
        let count = world.ring().count(world.plan(), &|| world.now());
        assert_eq!(count, Ok(1), "only the judge's own permit counts");
    });
}

#[test]
fn cancel_and_help() {
    model(3, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 4);
        world.reserve(1, 0);
        world.die(1, 0, 0);
        world.race(&[|w| w.cancel(&w.granted(0)), |w| _ = w.reserve(1, 0)]);
    });
}

#[test]
fn cancel_of_one_and_help_of_another_who_queues() {
    model(2, || {
        let world = World::new(Time::Still, &[(1, 10)], 3, 8);
        world.reserve(1, 0);
        world.race(&[
            |w| _ = w.reserve(1, 50),
            |w| w.in_one_go(|w| w.cancel(&w.granted(0))),
            |w| w.in_one_go(|w| _ = w.reserve(1, 50)),
        ]);
    });
}

#[test]
fn cancel_and_leak() {
    model(3, || {
        let world = World::new(Time::Global, &[(2, 10)], 2, 8);
        world.reserve(1, 0);
        world.reserve(2, 20);
        world.race(&[
            |w| {
                w.cancel(&w.granted(0));
                w.cancel(&w.granted(1));
            },
            |w| {
                w.tick(11);
                w.leak();
            },
        ]);
    });
}

#[test]
fn cancel_leak_and_acquire() {
    model(2, || {
        let world = World::new(Time::Still, &[(1, 10)], 0, 2);
        world.reserve(1, 0);
        world.race(&[
            |w| w.cancel(&w.granted(0)),
            |w| _ = w.leak(),
            |w| w.in_one_go(|w| _ = w.reserve(1, 0)),
        ]);
    });
}

#[test]
fn two_cancels_of_two_runs() {
    model(3, || {
        let world = World::new(Time::Still, &[(3, 10)], 0, 8);
        world.reserve(1, 0);
        world.reserve(2, 0);
        world.race(&[
            |w| w.cancel(&w.granted(1)),
            |w| {
                w.cancel(&w.granted(0));
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn two_cancels_of_one_run_give_it_back_once() {
    model(3, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 4);
        world.reserve(1, 0);
        world.reserve(1, 0);
        world.race(&[
            |w| w.cancel(&w.granted(0)),
            |w| {
                w.cancel(&w.granted(0));
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn a_late_cancel_spares_the_permit_that_took_the_slot() {
    model(3, || {
        let world = World::new(Time::Global, &[(1, 10)], 0, 1);
        world.reserve(1, 0);
        world.race(&[
            |w| w.cancel(&w.granted(0)),
            |w| {
                w.tick(11);
                w.reserve(1, 0);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn who_is_queued_behind_a_cancelled_place_keeps_its_time() {
    model(3, || {
        let world = World::new(Time::Still, &[(1, 10)], 3, 8);
        world.reserve(1, 0);
        world.reserve(1, 20);
        world.race(&[
            |w| w.cancel(&w.granted(1)),
            |w| {
                let run = w.reserve(1, 50).expect("there is room to queue");
                assert!([START + 11, START + 21].contains(&run.ready));
                w.reserve(1, 50);
            },
        ]);
    });
}

#[test]
fn what_is_given_back_amid_live_permits_is_free_again() {
    model(3, || {
        let world = World::new(Time::Still, &[(3, 10)], 0, 8);
        for _ in 0..3 {
            world.reserve(1, 0);
        }
        // Both slots that a short look takes in are live.
        world.race(&[|w| w.cancel(&w.granted(1)), |w| _ = w.reserve(1, 0)]);
    });
}
