//! Pauses that race those who evict, ask, leak and end them; and refunds of parts.
#![cfg(loom)]

use tidegate_loom_tests::{Keyed, START, Time, World, model};

const LATER: u64 = START + 500;

#[test]
fn a_pause_is_not_lost_to_an_evict() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.race(&[|k| _ = k.evict(0), |k| k.pause("a", LATER)]);
        assert_eq!(keyed.paused_until("a"), LATER);
    });
}

#[test]
fn a_pause_is_not_lost_to_an_evict_of_what_was_flushed() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.race(&[
            |k| {
                let (place, _) = k.granted(0);
                k.flush_at(place, "a");
            },
            |k| _ = k.evict(0),
            |k| k.pause("a", LATER),
        ]);
        assert_eq!(keyed.paused_until("a"), LATER);
    });
}

#[test]
fn of_two_pauses_the_longer_one_holds() {
    model(3, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.race(&[|k| k.pause("a", LATER), |k| k.pause("a", LATER + 9)]);
        assert_eq!(keyed.paused_until("a"), LATER + 9);
    });
}

#[test]
fn whoever_begins_after_a_pause_was_set_goes_after_it() {
    model(3, || {
        let world = World::new(Time::Still, &[(2, 10)], 4, 8);
        world.race(&[
            |w| {
                w.pause(START + 50);
                let run = w.reserve(1, 100).expect("it may wait");
                assert!(run.ready >= START + 50);
            },
            |w| _ = w.reserve(1, 100),
        ]);
    });
}

#[test]
fn a_pause_that_is_ended_keeps_nobody() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 4, 8);
        world.race(&[
            |w| {
                w.pause(START + 50);
                w.pause(0);
                let run = w.reserve(1, 100).expect("it may wait");
                assert!(run.ready <= START + 50);
            },
            |w| _ = w.reserve(1, 100),
        ]);
        assert_eq!(world.ring().paused_until(), 0);
    });
}

#[test]
fn parts_that_are_given_back_race_who_comes() {
    model(2, || {
        let world = World::new(Time::Still, &[(3, 10)], 0, 8);
        world.reserve(3, 0);
        let parts: fn(&World) = |w| {
            let mut run = w.granted(0);
            let newest = run.split_newest(1);
            w.ring().cancel(&newest);
            w.cancel(&w.granted(0));
        };
        world.race(&[parts, |w| {
            w.reserve(1, 0);
            w.reserve(1, 0);
        }]);
    });
}
