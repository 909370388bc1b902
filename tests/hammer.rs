//! Eight processes at once on one segment, with windows of a few milliseconds: an
//! independent judge reads what each was granted.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Chance, Process, Scene, logged};
use tidegate::{AcquireError, Builder, Limiter, Rate};
use tidegate_judge::{Grant, Verdict, read_folder};

const RATES: [Rate; 3] = [
    Rate::new(20, ms(3)),
    Rate::new(60, ms(15)),
    Rate::new(300, ms(100)),
];
const WORKERS: u64 = 8;
/// Ticks.
const LONG: u64 = 1_500_000;

/// Takes what it can get until the tick `until`: at once, or waiting for it, and looks
/// around in between.
fn hammer(limiter: &Limiter, scene: &Scene, worker: u64, until: u64) {
    let mut log = scene.log_in_batches_of(64, worker);
    let mut chance = Chance::new();
    while limiter.now().unwrap().as_micros() < until {
        let weight = 1 + chance.below(4);
        let waits = chance.below(50);
        let outcome = logged(limiter, &mut log, worker, |limiter| match waits {
            0 => limiter.acquire_timeout("", weight, ms(3)),
            _ => limiter.try_acquire_n("", weight),
        });
        match outcome {
            Ok(permit) => assert_eq!(permit.weight(), weight),
            Err(AcquireError::Limited { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        match waits {
            1 => assert!(limiter.leak().is_ok()),
            2 => assert!(limiter.count().unwrap() <= 300 + 4 * WORKERS),
            _ => {}
        }
    }
}

/// The rates hold in every window, and the judge had windows to judge that were full.
fn judge(scene: &Scene) -> Verdict {
    let verdict = scene.judge(&RATES);
    assert_eq!(verdict.workers.len() as u64, WORKERS);
    for rate in &verdict.rates {
        assert_eq!(rate.peak(), u128::from(rate.rate.limit()), "{verdict}");
    }
    verdict
}

#[test]
fn eight_unrelated_processes_never_exceed_the_rates() {
    let scene = Scene::of(eight_unrelated_processes_never_exceed_the_rates);
    unrelated(&scene, scene.limiter());
}

#[test]
fn eight_processes_that_count_by_the_processor_s_counter_never_exceed_the_rates() {
    let scene =
        Scene::of(eight_processes_that_count_by_the_processor_s_counter_never_exceed_the_rates);
    unrelated(&scene, scene.limiter().processor_clock());
}

fn unrelated(scene: &Scene, builder: Builder) {
    scene.part("worker", |cues| {
        // Who attaches counts as who has made the segment.
        let limiter = scene.limiter().rates(RATES).open().unwrap();
        hammer(&limiter, scene, cues[0], cues[1]);
    });
    let limiter = builder.rates(RATES).create_only().open().unwrap();
    let until = limiter.now().unwrap().as_micros() + LONG;
    let workers: Vec<Process> = (0..WORKERS)
        .map(|n| scene.start("worker", &[n, until]))
        .collect();
    workers.into_iter().for_each(Process::join);
    judge(scene);
}

#[test]
fn eight_forked_processes_never_exceed_the_rates() {
    let Some(scene) = Scene::alone(eight_forked_processes_never_exceed_the_rates) else {
        return;
    };
    let limiter = scene.limiter().rates(RATES).open().unwrap();
    // The handle is warm when it is inherited.
    assert!(limiter.try_acquire("").is_ok());
    limiter.flush().unwrap();
    let until = limiter.now().unwrap().as_micros() + LONG;
    let work = |worker| hammer(&limiter, &scene, worker, until);
    let workers: Vec<Process> = (0..WORKERS).map(|n| Process::fork(|| work(n))).collect();
    workers.into_iter().for_each(Process::join);
    judge(&scene);
}

/// Logs grants, and of refusals some, in a log of their own: there a record's instant
/// is the tick before which the caller should not come back.
fn hammer_and_complain(limiter: &Limiter, scene: &Scene, worker: u64, until: u64) {
    let mut log = scene.log_in_batches_of(64, worker);
    let mut refusals = scene.log_in_batches_of(64, format!("../refusals/{worker}"));
    let mut chance = Chance::new();
    while limiter.now().unwrap().as_micros() < until {
        let before = limiter.now().unwrap().as_micros();
        let outcome = logged(limiter, &mut log, worker, |limiter| limiter.try_acquire(""));
        let Err(error) = outcome else { continue };
        let AcquireError::Limited { retry_after, .. } = error else {
            panic!("{error}")
        };
        if chance.below(32) == 0 {
            let after = limiter.now().unwrap().as_micros();
            let at = before + retry_after.as_micros() as u64;
            let refusal = Grant {
                before,
                at,
                after,
                weight: 1,
                worker: worker as u32,
                sleeps: 0,
            };
            refusals.append(&refusal).unwrap();
        }
    }
}

#[test]
fn no_process_is_refused_while_the_window_has_room() {
    let scene = Scene::of(no_process_is_refused_while_the_window_has_room);
    refused_with_cause(&scene, scene.limiter());
}

#[test]
fn no_process_that_counts_by_the_processor_s_counter_is_refused_while_the_window_has_room() {
    let scene = Scene::of(
        no_process_that_counts_by_the_processor_s_counter_is_refused_while_the_window_has_room,
    );
    refused_with_cause(&scene, scene.limiter().processor_clock());
}

fn refused_with_cause(scene: &Scene, builder: Builder) {
    const LIMIT: u64 = 50;
    const INTERVAL: u64 = 4_000;
    let rate = Rate::new(LIMIT, ms(4));
    scene.part("worker", |cues| {
        let limiter = scene.limiter().rate(rate).open().unwrap();
        hammer_and_complain(&limiter, scene, cues[0], cues[1]);
    });
    std::fs::create_dir(scene.file("refusals")).unwrap();
    let limiter = builder.rate(rate).create_only().open().unwrap();
    let until = limiter.now().unwrap().as_micros() + LONG;
    let workers: Vec<Process> = (0..WORKERS)
        .map(|n| scene.start("worker", &[n, until]))
        .collect();
    workers.into_iter().for_each(Process::join);
    scene.judge(&[rate]);

    let mut by_call = scene.grants();
    by_call.sort_unstable_by_key(|grant| grant.before);
    let mut by_instant = by_call.clone();
    by_instant.sort_unstable_by_key(|grant| grant.at);
    let refusals = read_folder(scene.file("refusals")).unwrap();
    assert!(refusals.len() > 100, "the limiter hardly refused anything");
    for refusal in refusals {
        // A stamp is later than its grant's instant by the rounding of the clock, or because
        // its owner was interrupted; but it is never later than the owner's return.
        const ROUNDING: u64 = 2;
        let called = by_call.partition_point(|grant| grant.before <= refusal.after);
        let counts = |grant: &&Grant| grant.after + ROUNDING + INTERVAL > refusal.before;
        let room = LIMIT as usize
            - by_call[..called]
                .iter()
                .rev()
                .filter(counts)
                .take(LIMIT as usize)
                .count();
        assert_eq!(room, 0, "refused with room in the window: {refusal:?}");

        // The caller read its clock somewhere between call and return.
        let latest = refusal.at + (refusal.after - refusal.before) - INTERVAL;
        let come = by_instant.partition_point(|grant| grant.at <= latest);
        let leaves = |grant: &Grant| grant.after + ROUNDING + INTERVAL >= refusal.at;
        assert!(
            by_instant[..come].iter().rev().any(leaves),
            "nothing leaves when it says: {refusal:?}"
        );
    }
}
