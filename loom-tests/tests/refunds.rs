//! Parts of runs that are given back, and debits.
#![cfg(loom)]

use tidegate_loom_tests::{Keyed, Time, World, model};

/// Gives one permit of the first run back.
fn refund_one(world: &World) {
    let mut run = world.granted(0);
    world.refund(&mut run, 1);
}

#[test]
fn a_part_is_given_back_while_others_ask() {
    model(3, || {
        let world = World::new(Time::Still, &[(3, 10)], 0, 8);
        world.reserve(3, 0);
        world.race(&[refund_one, |w| {
            w.reserve(1, 0);
            w.reserve(2, 0);
        }]);
    });
}

#[test]
fn what_was_given_back_of_a_run_is_free_for_who_comes_next() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 0, 4);
        world.race(&[
            |w| {
                if let Some(mut run) = w.reserve(2, 0) {
                    w.refund(&mut run, 1);
                }
            },
            |w| {
                w.reserve(1, 0);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn a_part_of_what_a_helper_has_stamped_is_given_back() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 2, 4);
        world.race(&[
            |w| {
                if let Some(mut run) = w.reserve(2, 0) {
                    w.refund(&mut run, 1);
                }
            },
            |w| {
                w.tick(2);
                w.reserve(1, 50);
            },
        ]);
    });
}

/// The newest first, as a permit that is refunded twice.
#[test]
fn two_parts_of_a_run_are_given_back_while_others_ask() {
    model(2, || {
        let world = World::new(Time::Still, &[(3, 10)], 0, 8);
        world.reserve(3, 0);
        world.race(&[
            |w| {
                let mut run = w.granted(0);
                w.refund(&mut run, 1);
                w.refund(&mut run, 1);
            },
            |w| {
                w.reserve(2, 0);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn two_give_parts_of_one_run_back_at_once() {
    model(2, || {
        let world = World::new(Time::Still, &[(3, 10)], 0, 8);
        let mut run = world.reserve(3, 0).expect("room");
        let newest = run.split_newest(1);
        world.hand_out(0, newest);
        world.race(&[
            |w| w.cancel(&w.granted(0)),
            |w| w.cancel(&w.granted(1)),
            |w| _ = w.reserve(3, 0),
        ]);
    });
}

#[test]
fn a_part_is_given_back_while_the_run_is_leaked_and_its_slots_are_taken() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 0, 2);
        world.reserve(2, 0);
        world.race(&[refund_one, |w| {
            w.tick(11);
            w.leak();
            w.reserve(2, 0);
            // So that the slot in question is not the newest, which anybody would mend.
            w.tick(11);
            w.reserve(1, 0);
        }]);
    });
}

#[test]
fn a_part_is_given_back_while_another_key_gets_the_bucket() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 2);
        keyed.ask_for("a", 2);
        keyed.interval();
        keyed.race(&[
            |k| k.refund(0, 1),
            |k| {
                k.in_one_go(|k| _ = k.evict(0));
                assert!(k.ask_for("b", 2));
                assert!(!k.ask("b"));
            },
        ]);
    });
}

#[test]
fn a_debit_beyond_the_limit_and_others_who_wait() {
    model(2, || {
        let world = World::new(Time::Still, &[(1, 10)], 3, 4);
        world.race(&[|w| w.debit(2), |w| _ = w.reserve(1, 100)]);
    });
}

#[test]
fn a_debit_and_others_who_do_not_wait() {
    model(2, || {
        let world = World::new(Time::Global, &[(1, 10)], 2, 4);
        world.race(&[
            |w| w.debit(2),
            |w| {
                w.tick(11);
                w.reserve(1, 0);
            },
        ]);
    });
}

#[test]
fn a_debit_while_those_before_it_give_back() {
    model(2, || {
        let world = World::new(Time::Still, &[(1, 10)], 3, 8);
        world.reserve(1, 0);
        world.race(&[|w| w.debit(2), |w| w.cancel(&w.granted(0))]);
    });
}

#[test]
fn two_debits_fill_the_queue_and_no_more() {
    model(2, || {
        let world = World::new(Time::Still, &[(1, 10)], 1, 4);
        world.reserve(1, 0);
        world.race(&[|w| w.debit(2), |w| w.debit(1)]);
    });
}
