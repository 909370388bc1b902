//! Keys that get their buckets at the same time.
#![cfg(loom)]

use tidegate_loom_tests::{Keyed, Time, model};

#[test]
fn two_who_insert_one_key_share_one_bucket() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.race(&[|k| _ = k.ask("a"), |k| _ = k.ask("a")]);
        assert_eq!(keyed.permits("a"), 1);
    });
}

#[test]
fn two_keys_of_one_chain_are_both_inserted() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.race(&[|k| assert!(k.ask("a")), |k| assert!(k.ask("b"))]);
    });
}

#[test]
fn two_keys_behind_a_third_are_both_inserted() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 3, 1);
        keyed.ask("c");
        keyed.race(&[|k| assert!(k.ask("a")), |k| assert!(k.ask("b"))]);
        assert!(keyed.permits("c") == 1);
    });
}

#[test]
fn three_who_insert_two_keys() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 3, 1);
        keyed.race(&[
            |k| _ = k.ask("a"),
            |k| k.in_one_go(|k| _ = k.ask("a")),
            |k| k.in_one_go(|k| assert!(k.ask("b"))),
        ]);
        assert_eq!(keyed.permits("a"), 1);
    });
}

#[test]
fn one_who_inserts_and_stops_anywhere_stops_nobody() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 3, 2);
        keyed.race(&[
            |k| assert!(k.ask("a")),
            |k| {
                k.in_one_go(|k| {
                    assert!(k.ask("a") && k.ask("b"));
                    k.dispose("b");
                    assert!(k.ask("b"), "a key begins anew");
                });
            },
        ]);
    });
}

/// Two who insert would be a model of millions: what the second does after its eviction
/// is in the models above.
#[test]
fn the_last_idle_bucket_is_evicted_while_one_inserts_and_is_not_lost() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.race(&[|k| _ = k.ask("b"), |k| k.in_one_go(|k| _ = k.evict(0))]);
        assert!(keyed.permits("b") == 1 || keyed.ask("b"));
    });
}
