//! Rates that change while callers come.
#![cfg(loom)]

use tidegate::sync::Ordering;
use tidegate_loom_tests::{Time, World, model, plan};

#[test]
fn a_helper_stamps_by_rates_no_older_than_the_owners() {
    model(2, || {
        let world = World::under(plan(1, &[(1, 10)], 3, 4), Time::Still, 4);
        world.race(&[
            |w| {
                w.ring().gate.version.store(1, Ordering::Release);
                w.reserve(1, 20);
                w.reserve(1, 20);
            },
            |w| _ = w.reserve_by(&plan(0, &[(2, 10)], 2, 4), 1, 0),
        ]);
    });
}

#[test]
fn who_asks_after_a_change_is_judged_by_the_new_rates() {
    model(2, || {
        let world = World::under(plan(1, &[(1, 10)], 1, 2), Time::Still, 2);
        world.race(&[
            |w| {
                w.ring().gate.version.store(1, Ordering::Release);
                w.reserve(1, 0);
            },
            |w| {
                let old = plan(0, &[(2, 10)], 0, 2);
                if w.reserve_by(&old, 1, 0).is_ok() {
                    _ = w.reserve_by(&old, 1, 0);
                }
            },
        ]);
    });
}
