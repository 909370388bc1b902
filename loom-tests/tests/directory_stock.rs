//! The stock of buckets, and taking back what was lost.
#![cfg(loom)]

use std::sync::Arc;
use tidegate_loom_tests::{Keyed, Time, model};

/// A directory in whose stock are the first `free` of `buckets` buckets, the first on top.
fn with_free(buckets: u64, free: usize) -> Arc<Keyed> {
    let keyed = Keyed::new(Time::Still, buckets, 1);
    let names = &["p", "q", "r"][..free];
    for name in names {
        keyed.ask(name);
    }
    for name in names.iter().rev() {
        keyed.dispose(name);
    }
    keyed
}

#[test]
fn one_who_takes_sleeps_while_the_top_goes_and_comes_back() {
    model(2, || {
        let keyed = with_free(3, 2);
        keyed.race(&[
            |k| assert!(k.ask("a")),
            |k| {
                k.in_one_go(|k| {
                    // The top, and what is under it; and only the top comes back.
                    assert!(k.ask("b") && k.ask("c"));
                    k.dispose("b");
                });
            },
        ]);
    });
}

#[test]
fn two_take_and_one_gives_back() {
    model(2, || {
        let keyed = with_free(3, 1);
        keyed.ask("c");
        keyed.race(&[
            |k| k.dispose("c"),
            |k| k.in_one_go(|k| assert!(k.ask("a"))),
            |k| k.in_one_go(|k| assert!(k.ask("b"))),
        ]);
    });
}

#[test]
fn two_give_back() {
    model(2, || {
        let keyed = Keyed::with_table(Time::Still, 2, 2, 1);
        // They have chains of their own.
        keyed.ask("a");
        keyed.ask("b");
        keyed.race(&[|k| k.dispose("a"), |k| k.dispose("b")]);
    });
}

#[test]
fn what_was_lost_is_taken_back_while_a_newcomer_inserts() {
    model(2, || {
        let keyed = with_free(4, 1);
        keyed.die_with_free();
        keyed.die_with_unused(false);
        keyed.die_with_unused(true);
        keyed.race(&[
            |k| {
                k.reclaim();
                // Nobody owned one at either look, or the caller was not alone.
                k.in_one_go(Keyed::reclaim);
            },
            |k| k.enter(|k| assert!(k.ask("a"))),
        ]);
    });
}

#[test]
fn what_one_owns_who_ends_before_the_other_is_alone_is_not_lost() {
    model(2, || {
        let keyed = with_free(2, 1);
        keyed.race(&[Keyed::reclaim, |k| {
            k.enter(|k| {
                k.ask("a");
                k.dispose("a");
            });
        }]);
    });
}
