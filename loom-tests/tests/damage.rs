//! Slots that somebody has scribbled on.
#![cfg(loom)]

use tidegate::ring::word::Slot;
use tidegate_loom_tests::{START, Time, World, model};

#[test]
fn a_wrong_lap_among_the_permits_lets_nobody_over() {
    model(2, || {
        let world = World::new(Time::Still, &[(3, 10)], 0, 4);
        world.reserve(1, 0);
        world.reserve(1, 0);
        world.race(&[
            // Neither this lap nor the next one.
            |w| w.damage(4, Slot::new(3, 0)),
            |w| _ = w.reserve(1, 0),
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn a_wrong_lap_in_the_newest_slot_is_mended_by_the_next_caller() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 4);
        world.reserve(1, 0);
        world.race(&[
            |w| w.damage(4, Slot::new(3, 7)),
            |w| {
                w.reserve(1, 0);
                w.tick(11);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn a_stamp_beyond_the_horizon_is_brought_back_to_it() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 4);
        world.reserve(1, 0);
        world.race(&[
            |w| w.damage(4, Slot::new(1, START + 1_000_000)),
            |w| _ = w.leak(),
            |w| _ = w.reserve(1, 0),
        ]);
    });
}

#[test]
fn a_mend_and_a_cancel_of_the_same_slot() {
    model(3, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 4);
        world.reserve(1, 0);
        world.damage(4, Slot::new(1, START + 1_000_000));
        world.race(&[|w| w.cancel(&w.granted(0)), |w| _ = w.leak()]);
        let slot = Slot(world.cell(4).load(tidegate::sync::Ordering::Acquire));
        assert!(slot.is_void() && slot.ticks() <= START + 2000);
    });
}
