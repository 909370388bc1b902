//! Buckets that are closed, marked, taken out of their chains and given back, while
//! others walk there.
#![cfg(loom)]

use tidegate_loom_tests::{Keyed, Time, model};

#[test]
fn a_bucket_is_evicted_while_its_key_asks() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.race(&[|k| _ = k.evict(0), |k| assert!(k.ask("a"))]);
    });
}

#[test]
fn nothing_that_counts_is_evicted_while_time_goes_by() {
    model(2, || {
        let keyed = Keyed::new(Time::Global, 2, 1);
        keyed.ask("a");
        keyed.race(&[
            |k| {
                k.tick(10);
                k.evict(0);
                k.tick(1);
                k.evict(0);
            },
            |k| _ = k.ask("a"),
        ]);
    });
}

#[test]
fn a_neighbour_is_evicted_while_a_key_is_inserted() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 3, 1);
        keyed.ask("a");
        keyed.ask("b");
        keyed.interval();
        keyed.race(&[|k| _ = k.evict(1), |k| assert!(k.ask("c"))]);
    });
}

#[test]
fn the_first_of_a_chain_is_evicted_while_the_second_is_asked_for() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 3, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.ask("b");
        keyed.race(&[|k| assert!(k.evict(0)), |k| assert!(!k.ask("b"))]);
    });
}

#[test]
fn two_who_meet_a_closed_bucket_give_it_back_once() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.ask("b");
        keyed.die_closing("a");
        keyed.race(&[|k| assert!(!k.ask("b")), |k| _ = k.place("b")]);
    });
}

#[test]
fn two_closed_neighbours_are_taken_out_by_two() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 3, 1);
        for name in ["a", "b", "c"] {
            keyed.ask(name);
        }
        keyed.die_closing("a");
        keyed.die_closing("b");
        keyed.race(&[|k| assert!(!k.ask("c")), |k| _ = k.place("c")]);
    });
}

#[test]
fn two_evict_one_bucket() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.race(&[|k| _ = k.evict(0), |k| _ = k.evict(0)]);
        assert_eq!(keyed.evictions(), 1);
    });
}

#[test]
fn two_evict_two_neighbours() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.ask("b");
        keyed.interval();
        keyed.race(&[|k| assert!(k.evict(0)), |k| assert!(k.evict(1))]);
    });
}

#[test]
fn two_neighbours_are_evicted_and_a_third_key_comes() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 3, 1);
        keyed.ask("a");
        keyed.ask("b");
        keyed.interval();
        keyed.race(&[
            |k| assert!(k.evict(0)),
            |k| k.in_one_go(|k| assert!(k.evict(1))),
            |k| k.in_one_go(|k| assert!(k.ask("c"))),
        ]);
    });
}

#[test]
fn an_abandoned_run_is_stamped_and_keeps_its_bucket_for_an_interval() {
    model(2, || {
        let keyed = Keyed::new(Time::Global, 2, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.die_reserving("a");
        keyed.race(&[
            |k| _ = k.evict(0),
            |k| {
                k.tick(1);
                k.ask("a");
            },
        ]);
        // It would have a bucket anew, and a permit, had it lost the first.
        assert_eq!(keyed.permits("a"), 1);
    });
}

#[test]
fn an_evict_fails_where_a_permit_was_just_reserved() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.race(&[|k| _ = k.evict(0), |k| k.die_reserving("a")]);
    });
}

#[test]
fn one_who_evicts_and_stops_anywhere_stops_nobody() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 4, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.ask("b");
        keyed.race(&[
            |k| _ = k.evict(0),
            |k| {
                k.in_one_go(|k| {
                    assert!(k.ask("a") && k.ask("c"), "two buckets are left");
                    assert!(!k.ask("b"), "its permit counts");
                });
            },
        ]);
    });
}

#[test]
fn one_who_disposes_and_stops_anywhere_stops_nobody() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 3, 1);
        keyed.ask("a");
        keyed.ask("b");
        keyed.race(&[
            |k| k.dispose("a"),
            |k| {
                k.in_one_go(|k| {
                    k.ask("a");
                    assert!(k.ask("c") && !k.ask("b"));
                });
            },
        ]);
    });
}

#[test]
fn a_walker_sleeps_while_its_bucket_moves_to_another_chain() {
    model(2, || {
        let keyed = Keyed::with_table(Time::Still, 2, 2, 1);
        // "a" and "c" share a chain, and "b" has the other.
        keyed.ask("a");
        keyed.race(&[
            |k| _ = k.ask("c"),
            |k| {
                k.dispose("a");
                k.ask("b");
            },
        ]);
    });
}
