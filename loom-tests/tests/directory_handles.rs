//! Handles that know where a key's bucket was, and what their callers still do there
//! after it has become another key's.
#![cfg(loom)]

use tidegate_loom_tests::{Keyed, Time, model};

#[test]
fn a_handle_asks_while_its_bucket_is_evicted_for_another_key() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.race(&[|k| _ = k.ask_at(k.granted(0).0, "a"), |k| _ = k.ask("b")]);
        assert_eq!(keyed.permits("a") + keyed.permits("b"), 2);
    });
}

#[test]
fn a_handle_asks_while_its_bucket_is_disposed_of_for_another_key() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 2);
        keyed.ask("a");
        keyed.race(&[
            |k| _ = k.ask_at(k.granted(0).0, "a"),
            |k| {
                k.dispose("a");
                assert!(k.ask("b") && k.ask("b"));
            },
        ]);
    });
}

#[test]
fn a_handle_asks_after_all_generations_have_gone_by() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 2);
        keyed.ask("a");
        keyed.race(&[
            |k| _ = k.ask_at(k.granted(0).0, "a"),
            |k| {
                k.in_one_go(|k| {
                    for (old, new) in [("a", "b"), ("b", "c")] {
                        k.dispose(old);
                        assert!(k.ask(new));
                    }
                    assert_eq!(k.granted(0).0, k.place("c").expect("it was just granted"));
                });
            },
        ]);
    });
}

#[test]
fn permits_of_the_last_key_do_not_count_for_the_next() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 1);
        keyed.ask("a");
        keyed.race(&[
            |k| {
                k.dispose("a");
                assert!(k.ask("b"));
            },
            |k| _ = k.ask_at(k.granted(0).0, "a"),
        ]);
    });
}

#[test]
fn a_key_that_comes_to_a_full_bucket_is_not_refused_for_the_last_key() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 2);
        assert!(keyed.ask("a") && keyed.ask("a"));
        keyed.race(&[
            |k| {
                k.dispose("a");
                k.ask("b");
            },
            |k| _ = k.ask_at_a_glance("b"),
        ]);
    });
}

#[test]
fn a_late_cancel_gives_back_nothing_of_the_next_key() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 1);
        keyed.ask("a");
        keyed.race(&[
            |k| k.cancel(0),
            |k| {
                k.dispose("a");
                assert!(k.ask("b"));
            },
        ]);
    });
}

#[test]
fn a_late_flush_drops_nothing_of_the_next_key() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 1);
        keyed.ask("a");
        keyed.race(&[
            |k| k.flush_at(k.granted(0).0, "a"),
            |k| {
                k.dispose("a");
                assert!(k.ask("b"));
            },
        ]);
    });
}

#[test]
fn a_late_leak_drops_nothing_of_the_next_key() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 1, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.race(&[|k| k.leak_at(k.granted(0).0, "a"), |k| assert!(k.ask("b"))]);
    });
}

#[test]
fn an_owner_stamps_after_its_bucket_was_disposed_of() {
    model(2, || {
        let keyed = Keyed::new(Time::Global, 1, 2);
        keyed.ask("a");
        keyed.race(&[
            |k| _ = k.ask_at(k.granted(0).0, "a"),
            |k| {
                k.in_one_go(|k| k.dispose("a"));
                k.tick(5);
                k.ask("b");
                // By now the first owner's stamp is over, and the second's is not.
                k.tick(6);
            },
        ]);
    });
}

#[test]
fn two_dispose_of_one_key() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.race(&[|k| k.dispose("a"), |k| k.dispose("a")]);
    });
}
