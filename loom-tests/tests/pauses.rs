//! Pauses and resumes, of one bucket and of keys whose buckets are taken from them.
#![cfg(loom)]

use std::sync::Mutex;
use tidegate::ring::Refusal;
use tidegate_loom_tests::{Keyed, START, Time, World, model};

/// The end of a pause that is on as long as a model takes.
const LONG: u64 = START + 200;

/// Others may be queued behind the pause.
fn is_held(world: &World, until: u64) {
    let refused = world.reserve_by(world.plan(), 1, 0);
    assert!(
        matches!(refused, Err(Refusal::Limited { ready, .. }) if ready >= until),
        "{refused:?}"
    );
}

#[test]
fn who_asks_after_a_pause_is_held_by_it() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 2, 4);
        world.race(&[
            |w| {
                w.pause(START + 50);
                is_held(w, START + 50);
            },
            |w| {
                w.reserve(1, 0);
                w.reserve(1, 100);
            },
        ]);
    });
}

#[test]
fn the_longer_of_two_pauses_stays() {
    model(3, || {
        let world = World::new(Time::Still, &[(1, 10)], 1, 2);
        world.race(&[
            |w| {
                w.pause(START + 50);
                is_held(w, START + 50);
            },
            |w| w.pause(START + 30),
        ]);
        assert_eq!(world.ring().paused_until(), START + 50);
    });
}

#[test]
fn a_pause_for_all_stays_when_that_of_one_ends() {
    model(3, || {
        let world = World::new(Time::Still, &[(1, 10)], 1, 2);
        world.race(&[
            |w| {
                w.ring().gate.pause_all(START + 30);
                w.pause(START + 50);
            },
            |w| _ = w.resume(),
            |w| w.ring().gate.pause_all(START + 40),
        ]);
        assert_eq!(world.ring().gate.paused_until(), START + 40);
        assert!(world.ring().paused_until() >= START + 40);
    });
}

#[test]
fn a_resume_ends_the_pause_that_it_tells_of() {
    model(3, || {
        // Nothing of the model: callers take nothing with them.
        static TOLD: Mutex<u64> = Mutex::new(0);
        let world = World::new(Time::Still, &[(1, 10)], 1, 2);
        world.pause(START + 30);
        world.race(&[
            |w| w.pause(START + 50),
            |w| {
                let told = w.resume();
                *TOLD.lock().expect("no caller panicked") = told;
            },
        ]);
        let left = match *TOLD.lock().expect("no caller panicked") {
            told if told == START + 30 => START + 50,
            told if told == START + 50 => 0,
            told => panic!("no pause ended at {told}"),
        };
        assert_eq!(world.ring().paused_until(), left);
    });
}

#[test]
fn of_two_who_resume_one_has_ended_the_pause() {
    model(3, || {
        let world = World::new(Time::Still, &[(1, 10)], 1, 2);
        world.pause(START + 30);
        world.race(&[
            |w| _ = w.resume(),
            |w| {
                w.resume();
                assert_eq!(w.ring().paused_until(), 0);
                assert!(w.reserve(1, 0).is_some());
            },
        ]);
    });
}

/// One waits behind a pause, learns that it has ended, and queues again.
#[test]
fn a_waiter_queues_again_after_a_resume() {
    model(2, || {
        let world = World::new(Time::Still, &[(1, 10)], 3, 4);
        world.pause(START + 50);
        world.race(&[
            |w| {
                if let Some(run) = w.reserve(1, 100)
                    && run.ready == START + 50
                    && w.ring().paused_until() == 0
                {
                    w.cancel(&run);
                    w.reserve(1, 100);
                }
            },
            |w| {
                w.resume();
                w.reserve(1, 0);
            },
        ]);
    });
}

/// One wakes within a pause that came after it had queued, and queues again.
#[test]
fn a_waiter_queues_again_behind_a_pause() {
    model(2, || {
        let world = World::new(Time::Global, &[(1, 10)], 3, 4);
        world.reserve(1, 0);
        world.reserve(1, 20);
        world.race(&[
            |w| {
                let run = w.granted(1);
                w.tick(11);
                if w.ring().paused_until() > w.now() {
                    w.cancel(&run);
                    w.reserve(1, 100);
                }
            },
            |w| {
                w.pause(START + 40);
                w.reserve(1, 100);
            },
        ]);
    });
}

#[test]
fn one_who_stopped_before_a_pause_is_helped_within_it() {
    model(2, || {
        let world = World::new(Time::Global, &[(3, 10)], 4, 8);
        world.die(2, 0, 1);
        world.race(&[
            |w| w.pause(START + 20),
            |w| {
                w.tick(5);
                w.reserve(1, 100);
            },
        ]);
    });
}

#[test]
fn one_who_stopped_within_a_pause_is_helped_after_it() {
    model(2, || {
        let world = World::new(Time::Still, &[(3, 10)], 4, 8);
        world.pause(START + 20);
        world.die(2, 100, 1);
        world.race(&[
            |w| {
                w.resume();
                w.reserve(1, 100);
            },
            |w| _ = w.ring().count(w.plan(), &|| w.now()),
        ]);
    });
}

#[test]
fn an_owner_and_its_helpers_know_different_pauses() {
    model(2, || {
        let world = World::new(Time::Still, &[(2, 10)], 4, 8);
        world.race(&[
            |w| _ = w.reserve(2, 100),
            |w| {
                w.pause(START + 20);
                _ = w.ring().count(w.plan(), &|| w.now());
                w.resume();
                w.reserve(1, 100);
            },
        ]);
    });
}

#[test]
fn pause_and_leak() {
    model(2, || {
        let world = World::new(Time::Global, &[(2, 10)], 2, 4);
        world.reserve(2, 0);
        world.race(&[
            |w| {
                w.tick(11);
                w.leak();
            },
            |w| {
                w.pause(START + 15);
                w.reserve(2, 100);
            },
        ]);
    });
}

/// What `race` ends with: nobody has lost a pause that was set.
fn is_paused(keyed: &Keyed) {
    let (place, _) = keyed.granted(0);
    keyed.pause_at(place, "a", LONG);
}

fn is_evicted(keyed: &Keyed) {
    let (place, _) = keyed.granted(0);
    keyed.close_quiescent(place);
}

fn is_flushed(keyed: &Keyed) {
    let (place, _) = keyed.granted(0);
    keyed.flush_at(place, "a");
}

/// A key with one permit of one, in a bucket of its own.
fn with_a_permit(time: Time) -> std::sync::Arc<Keyed> {
    let keyed = Keyed::new(time, 1, 1);
    keyed.ask("a");
    keyed
}

#[test]
fn a_key_is_paused_while_its_bucket_is_evicted() {
    model(2, || {
        let keyed = Keyed::new(Time::Still, 2, 1);
        keyed.ask("a");
        keyed.interval();
        keyed.race(&[|k| _ = k.evict(0), |k| k.pause("a", LONG)]);
    });
}

/// Somebody has set the word, and stopped.
#[test]
fn who_finds_the_pause_set_keeps_the_bucket_all_the_same() {
    model(2, || {
        let keyed = with_a_permit(Time::Still);
        keyed.interval();
        keyed.race(&[
            is_evicted,
            |k| k.in_one_go(|k| k.die_pausing(LONG)),
            is_paused,
        ]);
    });
}

#[test]
fn a_live_bucket_is_paused_while_time_goes_by_and_it_is_evicted() {
    model(2, || {
        let keyed = with_a_permit(Time::Global);
        keyed.race(&[
            |k| {
                k.tick(11);
                is_evicted(k);
            },
            is_paused,
        ]);
    });
}

#[test]
fn a_live_bucket_is_paused_while_one_flushes_and_evicts_it() {
    model(2, || {
        let keyed = with_a_permit(Time::Still);
        keyed.race(&[
            |k| {
                is_flushed(k);
                is_evicted(k);
            },
            is_paused,
        ]);
    });
}

#[test]
fn a_live_bucket_is_paused_while_one_flushes_and_another_evicts_it() {
    model(2, || {
        let keyed = with_a_permit(Time::Still);
        keyed.race(&[|k| k.in_one_go(is_flushed), is_evicted, is_paused]);
    });
}

#[test]
fn a_live_bucket_is_paused_while_its_permit_is_given_back_and_leaked() {
    model(2, || {
        let keyed = with_a_permit(Time::Still);
        keyed.race(&[
            |k| {
                k.cancel(0);
                let (place, _) = k.granted(0);
                k.leak_at(place, "a");
                is_evicted(k);
            },
            is_paused,
        ]);
    });
}

#[test]
fn a_live_bucket_is_paused_while_the_rates_become_shorter_and_it_is_evicted() {
    model(2, || {
        let keyed = Keyed::to_become(Time::Still, 1, 1, 2);
        keyed.ask("a");
        keyed.tick(5);
        keyed.race(&[|k| k.in_one_go(Keyed::change_rates), is_evicted, is_paused]);
    });
}

#[test]
fn an_abandoned_run_is_stamped_by_who_pauses_its_key() {
    model(2, || {
        let keyed = with_a_permit(Time::Still);
        keyed.interval();
        keyed.die_reserving("a");
        keyed.race(&[is_evicted, is_paused]);
    });
}

#[test]
fn one_who_pauses_and_stops_anywhere_stops_nobody() {
    model(2, || {
        let keyed = with_a_permit(Time::Still);
        keyed.interval();
        // A helper takes the permit by which head was moved for one that counts.
        keyed.may_abandon("a");
        keyed.race(&[is_paused, |k| {
            k.in_one_go(|k| {
                let (place, _) = k.granted(0);
                k.ask("a");
                k.resume_at(place, "a");
                k.ask("a");
            });
        }]);
    });
}

#[test]
fn a_pause_that_has_ended_has_cost_no_permit() {
    model(2, || {
        let keyed = with_a_permit(Time::Global);
        keyed.interval();
        keyed.race(&[
            |k| {
                k.in_one_go(|k| {
                    let (place, _) = k.granted(0);
                    k.pause_at(place, "a", START + 12);
                });
            },
            |k| {
                k.tick(1);
                assert!(k.ask("a"));
            },
        ]);
    });
}

/// A handle of "a" sleeps while the bucket becomes that of "b", which is paused.
#[test]
fn one_who_pauses_sleeps_while_another_key_gets_the_bucket_and_is_paused() {
    model(2, || {
        let keyed = with_a_permit(Time::Still);
        keyed.race(&[is_paused, |k| {
            k.in_one_go(|k| {
                k.dispose("a");
                k.pause("b", LONG - 50);
            });
        }]);
    });
}

/// So often that the generation is as it was.
#[test]
fn one_who_resumes_sleeps_while_two_keys_get_the_bucket_and_are_paused() {
    model(2, || {
        let keyed = with_a_permit(Time::Still);
        keyed.pause("a", LONG);
        keyed.race(&[
            |k| {
                let (place, _) = k.granted(0);
                k.resume_at(place, "a");
            },
            |k| {
                k.in_one_go(|k| {
                    k.dispose("a");
                    k.pause("b", LONG - 50);
                    k.dispose("b");
                    k.pause("c", LONG - 50);
                });
            },
        ]);
    });
}
