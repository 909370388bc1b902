//! Removing a segment under those who are attached: they go on with the one that takes its
//! place, whoever is killed over it.
#![cfg(target_os = "linux")]

mod common;

use common::led::kill_at_every_step;
use common::scene::ms;
use common::words::{REMOVED, Words, place};
use common::{Chance, Pace, Process, Scene, eventually};
use std::thread;
use tidegate::{AcquireError, BucketError, Leaker, Limiter, Pass, Rate, remove};

const HOUR: Rate = Rate::new(100, ms(3_600_000));

fn open(scene: &Scene) -> Limiter {
    scene.limiter().rate(HOUR).open().unwrap()
}

fn take(limiter: &Limiter) {
    assert_eq!(limiter.try_acquire("").unwrap().weight(), 1);
}

/// Removes the segment, if it is there.
fn take_away(scene: &Scene) {
    assert!(remove(scene.segment()).is_ok());
}

#[test]
fn those_attached_go_on_in_the_segment_that_was_made_anew() {
    let scene = Scene::of(those_attached_go_on_in_the_segment_that_was_made_anew);
    scene.part("attached", |cues| {
        let limiter = open(&scene);
        take(&limiter);
        scene.announce(&format!("{} is attached", cues[0]));
        eventually("a removal", || scene.heard("removed"));
        take(&limiter);
    });
    let old = open(&scene);
    let attached: Vec<Process> = (0..3).map(|n| scene.start("attached", &[n])).collect();
    for n in 0..3 {
        eventually("all to attach", || scene.heard(&format!("{n} is attached")));
    }
    assert_eq!(old.count().unwrap(), 3);
    assert!(remove(scene.segment()).unwrap());
    let new = open(&scene);
    scene.announce("removed");
    attached.into_iter().for_each(Process::join);
    assert_eq!(
        new.count().unwrap(),
        3,
        "they limit apart from the new segment"
    );
    assert_eq!(old.count().unwrap(), 3, "an old handle is no exception");
}

#[test]
fn who_may_only_attach_is_told_of_a_removal_until_there_is_a_segment_again() {
    let scene = Scene::of(who_may_only_attach_is_told_of_a_removal_until_there_is_a_segment_again);
    scene.part("remover", |_| assert!(remove(scene.segment()).unwrap()));
    scene.part("maker", |_| take(&open(&scene)));
    let first = open(&scene);
    let guest = scene.limiter().attach_only().adopt().open().unwrap();
    let mut leaker = Leaker::new(&guest);
    assert!(matches!(leaker.pass(), Ok(Pass::Led { .. })));
    take(&guest);
    drop(first);

    scene.start("remover", &[]).join();
    let removed = |error| matches!(error, AcquireError::Bucket(BucketError::Removed));
    assert!(removed(guest.try_acquire("").unwrap_err()));
    assert!(removed(guest.acquire("").unwrap_err()));
    assert!(matches!(guest.count(), Err(BucketError::Removed)));
    assert!(leaker.pass().is_err());
    assert!(!scene.segment_path().exists());

    scene.start("maker", &[]).join();
    take(&guest);
    assert_eq!(guest.count().unwrap(), 2);
    assert!(matches!(leaker.pass(), Ok(Pass::Led { .. })));
}

#[test]
fn a_removal_that_stopped_before_the_name_was_gone_is_finished() {
    let scene = Scene::of(a_removal_that_stopped_before_the_name_was_gone_is_finished);
    let attached = open(&scene);
    take(&attached);
    Words::of(&scene.segment_path()).change(place::VERSION, |version| version | REMOVED);
    // Whoever comes first makes a new one, also if it has been attached all along.
    take(&attached);
    let opener = open(&scene);
    assert_eq!((attached.count().unwrap(), opener.count().unwrap()), (1, 1));
    Words::of(&scene.segment_path()).change(place::VERSION, |version| version | REMOVED);
    let guest = scene.limiter().attach_only().adopt().open();
    assert!(matches!(guest, Err(tidegate::OpenError::NotFound { .. })));
    assert!(!scene.segment_path().exists());
}

#[test]
fn a_remover_killed_at_any_step_leaves_all_in_one_segment() {
    let Some(scene) = Scene::alone(a_remover_killed_at_any_step_leaves_all_in_one_segment) else {
        return;
    };
    let attached = open(&scene);
    let prepare = || take(&attached);
    let examine = |step| {
        let opener = open(&scene);
        take(&attached);
        let before = opener.count().unwrap();
        take(&opener);
        assert_eq!(
            attached.count().unwrap(),
            before + 1,
            "killed at step {step}"
        );
        opener.flush().unwrap();
    };
    let steps = kill_at_every_step(Pace::SystemCall, prepare, || take_away(&scene), examine);
    assert!(steps > 8, "{steps} are too few to have removed a segment");
}

#[test]
fn makers_and_removers_killed_at_random_leave_all_in_one_segment() {
    let Some(scene) = Scene::alone(makers_and_removers_killed_at_random_leave_all_in_one_segment)
    else {
        return;
    };
    let churn = |go_on: &dyn Fn() -> bool| {
        let (limiter, mut chance) = (open(&scene), Chance::new());
        while go_on() {
            match chance.below(8) {
                0 => take_away(&scene),
                1 => drop(open(&scene)),
                _ => match limiter.try_acquire("") {
                    Ok(_) | Err(AcquireError::Limited { .. }) => {}
                    Err(error) => panic!("{error}"),
                },
            }
        }
        limiter
    };
    let go_on = || !scene.heard("the storm is over");
    let survivor = || {
        let limiter = churn(&go_on);
        scene.announce(&format!("{} is done", std::process::id()));
        eventually("a last removal", || scene.heard("removed"));
        take(&limiter);
    };
    let survivors: Vec<Process> = (0..4).map(|_| Process::fork(survivor)).collect();
    let mut chance = Chance::new();
    for _ in 0..300 {
        let mut victim = Process::fork(|| drop(churn(&|| true)));
        chance.pause(2_000);
        victim.kill();
    }
    scene.announce("the storm is over");
    for survivor in &survivors {
        eventually("the survivors", || {
            scene.heard(&format!("{} is done", survivor.pid()))
        });
    }
    take_away(&scene);
    scene.announce("removed");
    let count = survivors.len() as u64;
    survivors.into_iter().for_each(Process::join);
    assert_eq!(
        open(&scene).count().unwrap(),
        count,
        "they are not in one segment"
    );
    assert_eq!(scene.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_handle_outlives_thousands_of_removals() {
    let scene = Scene::of(a_handle_outlives_thousands_of_removals);
    let small = Rate::new(4, ms(1_000));
    let limiter = scene.limiter().rate(small).queue(4).open().unwrap();
    let outlive = move || {
        for _ in 0..3_000 {
            assert!(remove(scene.segment()).unwrap());
            take(&limiter);
        }
        drop(limiter);
    };
    // A thread's stack can be this small.
    thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(outlive)
        .unwrap()
        .join()
        .unwrap();
}
