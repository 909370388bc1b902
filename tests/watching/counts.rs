//! Counts of what was granted, refused and waited for, by whom, and for which keys.

use crate::common::scene::ms;
use crate::common::{Process, Scene, eventually};
use std::process;
use std::thread;
use tidegate::{Counted, Limiter, ProcessStats, Rate, Stats};

/// Nothing leaves this window while a test runs.
const RATE: Rate = Rate::new(1_000_000, ms(3_600_000));

fn stats(limiter: &Limiter) -> Stats {
    limiter.stats().unwrap()
}

fn of(stats: &Stats, pid: impl TryInto<u64>) -> Option<&ProcessStats> {
    let pid = pid.try_into().ok()?;
    stats.processes.iter().find(|process| process.pid == pid)
}

fn own(limiter: &Limiter) -> Counted {
    of(&stats(limiter), process::id()).unwrap().counted
}

#[test]
fn each_kind_of_answer_is_counted_once_in_the_process_that_got_it() {
    let scene = Scene::of(each_kind_of_answer_is_counted_once_in_the_process_that_got_it);
    let rates = [Rate::new(5, ms(200)), Rate::new(30, ms(3_600_000))];
    let builder = scene.limiter().rates(rates).queue(2).keys(2);
    let limiter = builder.open().unwrap();
    assert_eq!(stats(&limiter).total, Counted::default());
    assert_eq!(stats(&limiter).processes, []);

    limiter.try_acquire_n("a", 4).unwrap();
    limiter.try_acquire("b").unwrap();
    let handle = limiter.bucket("a");
    handle.try_acquire().unwrap();
    assert!(handle.try_acquire().is_err(), "limited");
    assert!(limiter.try_acquire_n("a", 2).is_err(), "limited");
    assert!(limiter.acquire_timeout("a", 1, ms(1)).is_err(), "limited");
    assert!(limiter.acquire_timeout("a", 3, ms(900)).is_err(), "queue");
    assert!(limiter.try_acquire("c").is_err(), "full");
    // No request that could ever be granted.
    assert!(limiter.try_acquire_n("a", 6).is_err(), "too heavy");
    assert!(limiter.try_acquire([b'x'; 70_000]).is_err(), "too long");
    let waited = limiter.acquire_timeout("a", 2, ms(60_000)).unwrap();
    assert!(waited.sleeps() > 0);
    limiter.debit("b", 2).unwrap();

    let counted = own(&limiter);
    assert_eq!(counted, stats(&limiter).total);
    assert_eq!(counted.granted_requests, 5);
    assert_eq!(counted.granted_permits, 4 + 1 + 1 + 2 + 2);
    assert_eq!(
        (counted.limited, counted.queue_full, counted.full),
        (3, 1, 1)
    );
    assert_eq!(counted.refused(), 5);
    assert_eq!(counted.waits, 1);
    assert!(counted.waited > ms(0) && counted.waited < ms(60_000));
    let stats = stats(&limiter);
    let process = of(&stats, process::id()).unwrap();
    let command = process.command.as_deref().unwrap();
    assert!(command.contains("watching"), "{command}");
    assert!(process.last_use.unwrap() <= stats.now);
    assert_eq!(process.waiting, 0);
    let [refused] = &stats.most_refused[..] else {
        panic!("{stats:?}")
    };
    assert_eq!((&refused.label[..], refused.refusals), (&b"a"[..], 4));
}

#[test]
fn a_limiter_in_memory_counts_what_its_threads_were_told() {
    let limiter = Limiter::in_memory().rate(RATE).open().unwrap();
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| (0..10_000).for_each(|_| drop(limiter.try_acquire("").unwrap())));
        }
    });
    assert_eq!(own(&limiter).granted_permits, 80_000);
    assert_eq!(
        stats(&limiter).processes.len(),
        1,
        "one process, whatever its threads"
    );
}

#[test]
fn no_count_is_lost_among_more_threads_than_there_are_lines() {
    let scene = Scene::of(no_count_is_lost_among_more_threads_than_there_are_lines);
    for processes in [0, 1, 3] {
        let builder = scene.limiter().rate(Rate::new(1, ms(3_600_000)));
        let limiter = builder.processes(processes).open().unwrap();
        limiter.try_acquire("").unwrap();
        thread::scope(|threads| {
            for _ in 0..16 {
                threads.spawn(|| {
                    (0..20_000).for_each(|_| assert!(limiter.try_acquire("").is_err()));
                });
            }
        });
        assert_eq!(stats(&limiter).total.limited, 320_000, "{processes}");
        // Threads that come and go take over each other's lines.
        for _ in 0..50 {
            thread::scope(|threads| {
                threads.spawn(|| assert!(limiter.try_acquire("").is_err()));
            });
        }
        assert_eq!(stats(&limiter).total.limited, 320_050, "{processes}");
        tidegate::remove(scene.segment()).unwrap();
    }
}

#[test]
fn a_forked_child_counts_on_a_line_of_its_own_also_where_its_parent_s_threads_go_on() {
    let Some(scene) = Scene::alone(
        a_forked_child_counts_on_a_line_of_its_own_also_where_its_parent_s_threads_go_on,
    ) else {
        return;
    };
    let limiter = scene.limiter().rate(RATE).open().unwrap();
    let take = |times: u64| (0..times).for_each(|_| drop(limiter.try_acquire("").unwrap()));
    take(7);
    let busy = |times: u64| {
        thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| take(times));
            }
        });
    };
    busy(100);
    let mut children: Vec<Process> = (0..5)
        .map(|n| {
            Process::fork_among_threads(|| {
                take(10 + n);
                // A child of the child, too.
                let own = Process::fork_among_threads(|| take(1));
                own.join();
                scene.announce(&format!("took {n}"));
                eventually("the end", || scene.heard("the end"));
            })
        })
        .collect();
    busy(10_000);
    for n in 0..5 {
        eventually("a child", || scene.heard(&format!("took {n}")));
    }
    let seen = stats(&limiter);
    assert_eq!(seen.processes.len(), 6, "{seen:?}");
    let granted = |pid| of(&seen, pid).map(|process| process.counted.granted_permits);
    for (n, child) in children.iter().enumerate() {
        assert_eq!(granted(child.pid().as_raw() as u32), Some(10 + n as u64));
    }
    assert_eq!(granted(process::id()), Some(7 + 300 + 30_000));
    let all = 7 + 300 + 30_000 + 5 + (10..15).sum::<u64>();
    assert_eq!(seen.total.granted_permits, all);

    // Who is dead is not there, and what it was granted is.
    children[0].kill();
    scene.announce("the end");
    children.drain(1..).for_each(Process::join);
    let seen = stats(&limiter);
    assert_eq!(seen.processes.len(), 1, "{seen:?}");
    assert_eq!(seen.total.granted_permits, all);
}

#[test]
fn a_parent_that_was_killed_is_gone_although_its_child_goes_on() {
    let scene = Scene::of(a_parent_that_was_killed_is_gone_although_its_child_goes_on);
    scene.part("parent", |_| {
        let limiter = scene.limiter().rate(RATE).open().unwrap();
        limiter.try_acquire_n("", 3).unwrap();
        let _child = Process::fork(|| {
            // It outlives its parent: nobody kills it with it.
            nix::sys::prctl::set_pdeathsig(None).unwrap();
            limiter.try_acquire_n("", 4).unwrap();
            scene.announce("the child is ready");
            eventually("the end", || scene.heard("the end"));
            drop(limiter.clone());
            scene.announce("the child is done");
        });
        loop {
            thread::park();
        }
    });
    let limiter = scene.limiter().rate(RATE).open().unwrap();
    let mut parent = scene.start("parent", &[]);
    eventually("the child", || scene.heard("the child is ready"));
    assert_eq!(stats(&limiter).processes.len(), 2);
    parent.kill();
    let seen = stats(&limiter);
    let granted = seen
        .processes
        .iter()
        .map(|process| process.counted.granted_permits);
    assert_eq!(granted.collect::<Vec<_>>(), [4], "{seen:?}");
    assert_eq!(seen.total.granted_permits, 7);
    scene.announce("the end");
    eventually("the child's end", || scene.heard("the child is done"));
}

#[test]
fn lines_of_the_dead_are_taken_over_and_no_total_ever_falls() {
    let Some(scene) = Scene::alone(lines_of_the_dead_are_taken_over_and_no_total_ever_falls) else {
        return;
    };
    let limiter = scene.limiter().rate(RATE).processes(2).open().unwrap();
    let mut granted = 0;
    for round in 0..40 {
        // More than there are lines for.
        let mut children: Vec<Process> = (0..6)
            .map(|n| {
                Process::fork(|| {
                    for _ in 0..50 {
                        drop(limiter.try_acquire("").unwrap());
                    }
                    scene.announce(&format!("done {round} {n}"));
                    loop {
                        thread::park();
                    }
                })
            })
            .collect();
        for n in 0..6 {
            let mut last = Counted::default();
            eventually("a child", || {
                let now = stats(&limiter).total;
                assert!(now.granted_permits >= last.granted_permits.max(granted));
                last = now;
                scene.heard(&format!("done {round} {n}"))
            });
        }
        granted += 300;
        let seen = stats(&limiter);
        assert_eq!(seen.total.granted_permits, granted);
        assert_eq!(seen.processes.len(), 4, "{seen:?}");
        for process in &seen.processes {
            assert_eq!(process.counted.granted_permits, 50, "not its predecessors'");
        }
        children.iter_mut().for_each(Process::kill);
        assert_eq!(stats(&limiter).processes, []);
    }
}

#[test]
fn who_waits_is_counted_until_it_goes_gives_up_or_dies() {
    let scene = Scene::of(who_waits_is_counted_until_it_goes_gives_up_or_dies);
    scene.part("waiter", |_| {
        let limiter = scene.limiter().adopt().attach_only().open().unwrap();
        let _ = limiter.acquire("");
    });
    let rate = Rate::new(1, ms(3_600_000));
    let limiter = scene.limiter().rate(rate).open().unwrap();
    limiter.try_acquire("").unwrap();
    let mut waiters = [scene.start("waiter", &[]), scene.start("waiter", &[])];
    let waiting = |limiter: &Limiter| -> u64 {
        let stats = stats(limiter);
        stats.processes.iter().map(|process| process.waiting).sum()
    };
    eventually("two that wait", || waiting(&limiter) == 2);
    waiters[0].kill();
    assert_eq!(waiting(&limiter), 1);
    limiter.flush().unwrap();
    let place = limiter.reserve("", 1, ms(7_200_000)).unwrap();
    drop(place);
    assert_eq!(waiting(&limiter), 1);
    waiters[1].kill();
    assert_eq!((waiting(&limiter), stats(&limiter).total.waits), (0, 0));
}

#[test]
fn a_handle_that_is_dropped_leaves_its_line_and_a_child_s_copy_does_not() {
    let Some(scene) =
        Scene::alone(a_handle_that_is_dropped_leaves_its_line_and_a_child_s_copy_does_not)
    else {
        return;
    };
    let other = scene.limiter().rate(RATE).open().unwrap();
    let mut limiter = Some(scene.limiter().rate(RATE).open().unwrap());
    limiter.as_ref().unwrap().try_acquire("").unwrap();
    Process::fork(|| limiter = None).join();
    assert_eq!(own(&other).granted_permits, 1);
    limiter = None;
    assert!(limiter.is_none());
    assert_eq!(stats(&other).processes, []);
    assert_eq!(stats(&other).total.granted_permits, 1);
}

#[test]
fn counts_go_on_in_a_segment_that_was_made_anew_and_begin_there_at_nothing() {
    let scene = Scene::of(counts_go_on_in_a_segment_that_was_made_anew_and_begin_there_at_nothing);
    let limiter = scene.limiter().rate(RATE).open().unwrap();
    limiter.try_acquire_n("", 9).unwrap();
    tidegate::remove(scene.segment()).unwrap();
    limiter.try_acquire_n("", 2).unwrap();
    assert_eq!(own(&limiter).granted_permits, 2);
}

#[test]
fn the_keys_that_are_refused_most_are_told_of_whoever_refused_them() {
    let Some(scene) = Scene::alone(the_keys_that_are_refused_most_are_told_of_whoever_refused_them)
    else {
        return;
    };
    let rate = Rate::new(1, ms(3_600_000));
    let limiter = scene.limiter().rate(rate).keys(2_000).open().unwrap();
    let refuse = |key: &str, times: u32| {
        let _ = limiter.try_acquire(key);
        (0..times).for_each(|_| assert!(limiter.try_acquire(key).is_err()));
    };
    for key in 0..1_000 {
        refuse(&format!("seldom {key}"), 1);
    }
    refuse("often", 3_000);
    Process::fork(|| refuse("often", 1_999)).join();
    Process::fork(|| refuse("sometimes", 2_000)).join();
    let seen = stats(&limiter).most_refused;
    assert_eq!(seen[0].label, b"often");
    assert_eq!(seen[1].label, b"sometimes");
    // The child's first request was refused, too. A cell's former key may be counted in.
    assert!((5_000..5_200).contains(&seen[0].refusals), "{seen:?}");
    assert!((2_000..2_200).contains(&seen[1].refusals), "{seen:?}");
    limiter.dispose("often").unwrap();
    let _ = limiter.try_acquire("another").unwrap();
    let seen = stats(&limiter).most_refused;
    assert_eq!(
        seen[0].label, b"sometimes",
        "a bucket's next key is another"
    );
}
