//! Many processes that make and attach to one segment at once, with creators killed at
//! random moments and at every step: there is one segment, and never half of one.
#![cfg(target_os = "linux")]

mod common;

use common::led::kill_at_every_step;
use common::scene::ms;
use common::{Chance, Pace, Process, Scene, eventually, logged};
use tidegate::{AcquireError, Limiter, OpenError, Rate, remove};

const CROWD: u64 = 50;
const LIMIT: u64 = 30;
const RATE: Rate = Rate::new(LIMIT, ms(3_600_000));

fn open(scene: &Scene) -> Limiter {
    scene.limiter().rate(RATE).open().unwrap()
}

/// Starts a crowd that opens the segment at once, each to take one permit.
fn crowd(scene: &Scene, round: u64) -> Vec<Process> {
    let _ = remove(scene.segment()).unwrap();
    let start = format!("start {round}");
    let opener = |n| {
        let mut log = scene.log(format!("{round}.{n}"));
        eventually("the start", || scene.heard(&start));
        let limiter = open(scene);
        match logged(&limiter, &mut log, round, |limiter| limiter.try_acquire("")) {
            Ok(_) | Err(AcquireError::Limited { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    let crowd = (0..CROWD).map(|n| Process::fork(|| opener(n))).collect();
    scene.announce(&start);
    crowd
}

fn granted(scene: &Scene, round: u64) -> u64 {
    scene
        .grants()
        .iter()
        .filter(|grant| u64::from(grant.worker) == round)
        .count() as u64
}

#[test]
fn fifty_processes_at_once_make_one_segment() {
    let Some(scene) = Scene::alone(fifty_processes_at_once_make_one_segment) else {
        return;
    };
    for round in 0..10 {
        crowd(&scene, round).into_iter().for_each(Process::join);
        assert_eq!(granted(&scene, round), LIMIT, "there was more than one");
        assert_eq!(open(&scene).count().unwrap(), LIMIT);
    }
    assert_eq!(scene.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn creators_killed_at_random_leave_one_segment_to_those_who_live() {
    let Some(scene) = Scene::alone(creators_killed_at_random_leave_one_segment_to_those_who_live)
    else {
        return;
    };
    let mut chance = Chance::new();
    for round in 0..20 {
        let mut doomed = crowd(&scene, round);
        let living = doomed.split_off(CROWD as usize / 2);
        for victim in &mut doomed {
            chance.pause(200);
            victim.kill();
        }
        living.into_iter().for_each(Process::join);
        let (granted, count) = (granted(&scene, round), open(&scene).count().unwrap());
        assert!(
            granted <= count && count <= LIMIT,
            "{granted} granted, {count} counted"
        );
        // Each of the dead took at most one that it did not log.
        assert!(count - granted <= CROWD / 2);
        assert!(count >= CROWD / 2, "the living got what there was");
    }
    assert_eq!(scene.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_creator_killed_at_any_step_leaves_a_whole_segment_or_none() {
    let Some(scene) = Scene::alone(a_creator_killed_at_any_step_leaves_a_whole_segment_or_none)
    else {
        return;
    };
    let prepare = || assert!(remove(scene.segment()).is_ok());
    let create = || drop(scene.limiter().rate(RATE).create_only().open().unwrap());
    let examine = |step| {
        match scene.limiter().attach_only().adopt().open() {
            Ok(whole) => assert_eq!((whole.rates(), whole.count().unwrap()), (vec![RATE], 0)),
            Err(OpenError::NotFound { .. }) => {}
            Err(error) => panic!("killed at step {step}: {error}"),
        }
        assert_eq!(open(&scene).try_acquire("").unwrap().weight(), 1);
        assert_eq!(
            scene.leftovers(),
            Vec::<std::path::PathBuf>::new(),
            "killed at step {step}"
        );
    };
    let steps = kill_at_every_step(Pace::SystemCall, prepare, create, examine);
    assert!(steps > 20, "{steps} are too few to have made a segment");
}

#[test]
fn of_many_who_would_create_only_one_does() {
    let Some(scene) = Scene::alone(of_many_who_would_create_only_one_does) else {
        return;
    };
    let creator = |n: u64| {
        let mut log = scene.log(n);
        eventually("the start", || scene.heard("start"));
        match scene.limiter().rate(RATE).create_only().open() {
            Ok(made) => drop(logged(&made, &mut log, n, |made| made.try_acquire("")).unwrap()),
            Err(OpenError::Exists { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    let crowd: Vec<Process> = (0..16).map(|n| Process::fork(|| creator(n))).collect();
    scene.announce("start");
    crowd.into_iter().for_each(Process::join);
    assert_eq!(scene.grants().len(), 1);
}
