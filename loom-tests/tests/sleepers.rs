//! Those who sleep, anywhere in a call, for more laps than a slot's tag can tell apart:
//! four, here.
#![cfg(loom)]

use tidegate_loom_tests::{Time, World, model};

/// Takes the full limit `laps` times over while the other caller sleeps.
fn lap(w: &World, laps: usize) {
    w.in_one_go(|w| {
        for _ in 0..laps {
            w.tick(11);
            w.reserve(w.plan().smallest_limit(), 0);
        }
    });
}

/// The same, but only if the other caller sleeps amid its call. One that begins later,
/// by words four laps old, is a long model with nothing new in it.
fn lap_a_call(w: &World, laps: usize) {
    w.tick(11);
    if w.has_begun() {
        lap(w, laps);
    }
}

#[test]
fn an_owner_sleeps_through_four_laps() {
    model(3, || {
        let world = World::new(Time::Global, &[(1, 10)], 0, 1);
        world.race(&[|w| _ = w.reserve(1, 0), |w| lap_a_call(w, 4)]);
    });
}

#[test]
fn an_owner_sleeps_through_five_laps_amid_its_run() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 2);
        // The first time the other is refused: the sleeper's permits count.
        world.race(&[|w| _ = w.reserve(2, 0), |w| lap_a_call(w, 6)]);
    });
}

#[test]
fn an_owner_sleeps_through_one_lap() {
    model(3, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 2);
        world.race(&[|w| _ = w.reserve(2, 0), |w| lap(w, 1)]);
    });
}

#[test]
fn a_helper_sleeps_through_five_laps() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 2);
        world.die(2, 0, 1);
        world.race(&[
            |w| {
                // Helps, and then finds that time is over: what it would do next is not
                // the point, and by words as old as these is a long model.
                let looks = std::cell::Cell::new(0);
                let clock = || match looks.replace(looks.get() + 1) {
                    0 => w.now(),
                    _ => u64::MAX,
                };
                _ = w.ring().count(w.plan(), &clock);
            },
            // The first is refused: the dead one's permits count.
            |w| lap_a_call(w, 6),
        ]);
    });
}

#[test]
fn one_who_is_to_be_refused_sleeps_through_four_laps() {
    model(1, || {
        let world = World::new(Time::Global, &[(1, 10)], 0, 1);
        world.reserve(1, 0);
        // The stamp that it finds would be a much later one's.
        world.race(&[|w| _ = w.reserve(1, 5), |w| lap_a_call(w, 4)]);
    });
}

#[test]
fn a_canceller_sleeps_through_four_laps() {
    model(3, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 2);
        world.reserve(2, 0);
        world.race(&[|w| w.cancel(&w.granted(0)), |w| lap(w, 4)]);
    });
}

#[test]
fn a_leaker_sleeps_through_four_laps() {
    model(2, || {
        let world = World::new(Time::Global, &[(1, 10)], 0, 1);
        world.reserve(1, 0);
        world.race(&[|w| _ = w.leak(), |w| lap_a_call(w, 4)]);
    });
}

#[test]
fn who_sleeps_through_its_own_turn_is_not_granted_at_anothers() {
    model(3, || {
        let world = World::new(Time::Global, &[(1, 10)], 1, 2);
        world.may_abandon(1);
        world.reserve(1, 0);
        world.race(&[
            // Before its CAS this one sees the window full; its helper sees it empty.
            |w| _ = w.reserve(1, 50),
            |w| {
                w.in_one_go(|w| w.cancel(&w.granted(0)));
                w.in_one_go(|w| {
                    // Stamps the other one's permit, and is refused for it.
                    w.reserve(1, 0);
                });
                lap(w, 2);
            },
        ]);
    });
}
