//! Rates that are changed while callers come, as the segment changes them.
#![cfg(loom)]

use std::sync::Arc;
use tidegate::ring::{PlanArea, Rates};
use tidegate::sync::AtomicU64;
use tidegate_loom_tests::{Time, World, model, plan};

/// Asks as one who knew the first rates.
fn ask(world: &World, weight: u64, max_wait: u64) {
    world.reserve_knowing(&mut world.first(), weight, max_wait);
}

#[test]
fn a_limit_is_raised_while_two_ask() {
    model(2, || {
        let world = World::to_become(Time::Still, &[(1, 10)], &[(2, 10)], 0, 2);
        world.race(&[
            |w| {
                w.change_rates();
                let mut plan = w.plan().clone();
                w.reserve_knowing(&mut plan, 2, 0);
            },
            |w| ask(w, 1, 0),
        ]);
    });
}

#[test]
fn a_limit_is_lowered_while_one_asks_and_queues() {
    model(2, || {
        let world = World::to_become(Time::Still, &[(2, 10)], &[(1, 10)], 2, 4);
        world.race(&[
            |w| {
                w.change_rates();
                let mut plan = w.plan().clone();
                w.reserve_knowing(&mut plan, 1, 100);
            },
            |w| {
                ask(w, 1, 100);
                ask(w, 1, 100);
            },
        ]);
    });
}

#[test]
fn an_interval_becomes_longer_while_two_ask() {
    model(2, || {
        let world = World::to_become(Time::Global, &[(1, 10)], &[(1, 20)], 1, 2);
        world.reserve_by(&world.first(), 1, 0).expect("room");
        world.race(&[
            |w| {
                w.tick(11);
                w.change_rates();
                let mut plan = w.plan().clone();
                w.reserve_knowing(&mut plan, 1, 0);
            },
            |w| ask(w, 1, 0),
        ]);
    });
}

#[test]
fn one_who_stopped_under_a_higher_limit_is_helped_under_a_lower_one() {
    model(2, || {
        let world = World::to_become(Time::Still, &[(2, 10)], &[(1, 10)], 2, 4);
        world.race(&[
            |w| _ = w.reserve_by(&w.first(), 2, 0),
            |w| {
                w.change_rates();
                let mut plan = w.plan().clone();
                w.reserve_knowing(&mut plan, 1, 100);
            },
        ]);
    });
}

/// The owner asks under the rates of before, or under those of after; its helper knows
/// only the former when it comes.
#[test]
fn a_helper_that_knew_the_first_rates_helps_by_those_in_force() {
    model(2, || {
        let world = World::to_become(Time::Still, &[(2, 10)], &[(1, 30)], 2, 4);
        world.reserve_by(&world.first(), 1, 0).expect("room");
        world.race(&[
            |w| {
                w.change_rates();
                let mut plan = w.plan().clone();
                w.reserve_knowing(&mut plan, 1, 100);
            },
            |w| ask(w, 1, 100),
        ]);
    });
}

#[test]
fn one_who_leaks_by_the_shorter_interval_drops_nothing_that_counts_in_the_longer() {
    model(2, || {
        let world = World::to_become(Time::Seen, &[(1, 10)], &[(1, 20)], 0, 2);
        world.reserve_by(&world.first(), 1, 0).expect("room");
        world.tick(5);
        world.race(&[
            |w| {
                w.change_rates();
                w.tick(6);
                let mut plan = w.plan().clone();
                assert!(
                    w.reserve_knowing(&mut plan, 1, 0).is_none(),
                    "it was in the window all the while"
                );
            },
            |w| _ = w.ring().leak(&w.first(), &|| w.now()),
        ]);
    });
}

fn rates((version, areas): &(AtomicU64, [PlanArea; 2])) -> Rates<'_> {
    Rates { version, areas }
}

/// Two changes in a row: the second writes the area that a reader of the first rates may
/// still be at.
#[test]
fn whoever_reads_the_rates_reads_those_of_one_version() {
    model(3, || {
        let words = Arc::new((AtomicU64::new(0), <[PlanArea; 2]>::default()));
        let first = plan(0, &[(1, 10), (2, 20)], 0, 8);
        let second = plan(1, &[(3, 30)], 0, 8);
        let third = plan(2, &[(4, 40), (5, 50)], 0, 8);
        let plans = [first, second, third];
        rates(&words).write_first(plans[0].windows(), plans[0].horizon);
        let reader = {
            let (words, plans) = (words.clone(), plans.clone());
            loom::thread::spawn(move || {
                let read = rates(&words).read(0, 8).expect("sane rates");
                assert_eq!(read, plans[read.version.0 as usize]);
            })
        };
        for pair in plans.windows(2) {
            rates(&words).put(&pair[0], &pair[1]);
        }
        reader.join().expect("no reader panicked");
    });
}

/// One who changes the rates dies half way, and another begins anew.
#[test]
fn a_change_that_was_left_half_done_is_not_seen() {
    model(2, || {
        let world = World::to_become(Time::Still, &[(1, 10)], &[(2, 20)], 0, 2);
        world.race(&[
            |w| {
                w.half_change_rates();
                w.change_rates();
            },
            |w| {
                let plan = w.in_force();
                assert!(plan == w.first() || plan == *w.plan());
            },
        ]);
    });
}
