//! Processes that are killed at random moments, thousands of them, while others go on:
//! nothing too much gets through, nobody is blocked, and all that the dead had is back
//! after one interval.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Chance, Process, Scene, logged};
use std::collections::VecDeque;
use std::thread;
use std::time::Duration;
use tidegate::{AcquireError, Leaker, Limiter, Pass, Rate};

const RATES: [Rate; 2] = [Rate::new(32, ms(2)), Rate::new(256, ms(20))];
/// How long anybody waits in the storm.
const WAIT: Duration = ms(2);
/// What the clock's rounding adds to a stamp, at most.
const ROUNDING: Duration = Duration::from_micros(2);
const KILLS: u64 = 2_000;
/// How many live at once, besides those who are not killed.
const CROWD: usize = 4;

/// One call of a kind that chance picks, logged if it is granted anything.
fn call(limiter: &Limiter, log: &mut tidegate_judge::Log, worker: u64, chance: &mut Chance) {
    let weight = 1 + chance.below(32);
    let outcome = match chance.below(16) {
        0 => logged(limiter, log, worker, |limiter| {
            limiter.acquire_timeout("", weight, WAIT)
        }),
        1 => return assert!(limiter.leak().is_ok()),
        2 => return assert!(limiter.count().unwrap() <= 256 + 64),
        _ => logged(limiter, log, worker, |limiter| {
            limiter.try_acquire_n("", weight)
        }),
    };
    match outcome {
        Ok(_) | Err(AcquireError::Limited { .. } | AcquireError::QueueFull { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn two_thousand_kills_let_nothing_through_and_block_nobody() {
    let Some(scene) = Scene::alone(two_thousand_kills_let_nothing_through_and_block_nobody) else {
        return;
    };
    let limiter = scene.limiter().rates(RATES).queue(64).open().unwrap();
    let play = |worker: u64, go_on: &dyn Fn() -> bool| {
        let (mut log, mut chance) = (scene.log(worker), Chance::new());
        while go_on() {
            call(&limiter, &mut log, worker, &mut chance);
        }
    };
    let go_on = || !scene.heard("the storm is over");
    let steady: Vec<Process> = (0..2).map(|n| Process::fork(|| play(n, &go_on))).collect();

    let (mut log, mut chance) = (scene.log("storm"), Chance::new());
    let mut crowd = VecDeque::new();
    let mut quarters = vec![limiter.now().unwrap().as_micros()];
    for kill in 0..KILLS {
        crowd.push_back(Process::fork(|| play(10 + kill, &|| true)));
        chance.pause(800);
        if crowd.len() > CROWD {
            crowd.pop_front().unwrap().kill();
        }
        call(&limiter, &mut log, 2, &mut chance);
        if kill % (KILLS / 4) == KILLS / 4 - 1 {
            quarters.push(limiter.now().unwrap().as_micros());
        }
    }
    crowd.iter_mut().for_each(Process::kill);
    scene.announce("the storm is over");
    steady.into_iter().for_each(Process::join);

    // Nobody has reserved more than WAIT ahead. When that is over, what the dead had
    // goes within one interval.
    thread::sleep(WAIT);
    let waiting = limiter.waiting("", 32).unwrap();
    assert!(waiting <= RATES[1].interval() + ROUNDING, "{waiting:?}");
    thread::sleep(RATES[1].interval() + ROUNDING);
    assert_eq!(
        limiter.count().unwrap(),
        0,
        "something of the dead still counts"
    );
    for _ in 0..256 / 32 {
        logged(&limiter, &mut log, 2, |limiter| limiter.acquire_n("", 32)).unwrap();
    }

    scene.judge(&RATES);
    // Those who were not killed were served all the time.
    let grants = scene.grants();
    for quarter in quarters.windows(2) {
        for worker in 0..2 {
            let mut own = grants.iter().filter(|grant| grant.worker == worker);
            assert!(
                own.any(|grant| (quarter[0]..quarter[1]).contains(&grant.at)),
                "{worker} got nothing"
            );
        }
    }
}

#[test]
fn a_killed_process_costs_at_most_the_permits_of_its_last_call() {
    let Some(scene) = Scene::alone(a_killed_process_costs_at_most_the_permits_of_its_last_call)
    else {
        return;
    };
    const LIMIT: u64 = 1 << 16;
    const HEAVIEST: u64 = 256;
    let limiter = scene
        .limiter()
        .rate(Rate::new(LIMIT, ms(3_600_000)))
        .open()
        .unwrap();
    let mut leaker = Leaker::new(&limiter);
    let reserved = || limiter.inspect().unwrap().reserved;
    let (mut chance, mut repairs) = (Chance::new(), 0);
    let logged_weight = |worker| {
        let grants = tidegate_judge::read_file(scene.file("logs").join(worker)).unwrap_or_default();
        grants.iter().map(|grant| grant.weight).sum::<u64>()
    };
    for kill in 0..400_u64 {
        let before = reserved();
        let mut victim = Process::fork(|| {
            let (mut log, mut chance) = (scene.log(kill), Chance::new());
            loop {
                let weight = 1 + chance.below(HEAVIEST);
                let _ = logged(&limiter, &mut log, kill, |limiter| {
                    limiter.try_acquire_n("", weight)
                });
            }
        });
        chance.pause(1_000);
        victim.kill();
        let Ok(Pass::Led { repairs: made, .. }) = leaker.pass() else {
            panic!("somebody else leads")
        };
        repairs += made;
        let taken = reserved() - before;
        let known = logged_weight(kill.to_string());
        assert!(
            (known..=known + HEAVIEST).contains(&taken),
            "{taken} taken, {known} logged"
        );
        if limiter.count().unwrap() > LIMIT / 2 {
            limiter.flush().unwrap();
        }
    }
    assert!(
        repairs > 0,
        "no kill hit a call between its reservation and its last stamp"
    );

    // What is left is to be had, to the last permit.
    let left = LIMIT - limiter.count().unwrap();
    let taken = (0..)
        .take_while(|_| limiter.try_acquire("").is_ok())
        .count() as u64;
    assert_eq!(taken, left);
    assert_eq!(limiter.count().unwrap(), LIMIT);
}
