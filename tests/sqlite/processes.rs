//! Many processes on one file: an independent judge reads what each was granted.

use super::common::scene::ms;
use super::common::{Chance, Process, Scene, eventually, logged};
use super::support::{limited, take};
use nix::sys::signal::Signal;
use std::collections::VecDeque;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};
use tidegate::{
    AcquireError, Bucket, BucketError, Clock, ClockError, Limiter, Outcome, Permit, Rate,
    SqliteBucket, SqliteBuilder, Timestamp, Wall,
};

const RATES: [Rate; 3] = [
    Rate::new(20, ms(10)),
    Rate::new(100, ms(100)),
    Rate::new(500, ms(1000)),
];
const WORKERS: u64 = 6;
const THREADS: u64 = 2;

/// Disks of busy machines have stood still for a minute.
fn bucket(scene: &Scene) -> SqliteBuilder {
    SqliteBucket::at(scene.file("bucket.db")).patience(Duration::from_secs(110))
}

/// Takes what it can get for a while, at once or waiting for it.
fn hammer(scene: &Scene, limiter: &Limiter, worker: u64, time: Duration) {
    let mut log = scene.log_in_batches_of(64, worker);
    let mut chance = Chance::new();
    let started = Instant::now();
    while started.elapsed() < time {
        let weight = 1 + chance.below(3);
        let kind = chance.below(40);
        if kind == 1 {
            // What is given back at once counts for nobody.
            let _ = limiter.try_acquire_n("", weight).map(Permit::refund);
            continue;
        }
        let outcome = logged(limiter, &mut log, worker, |limiter| match kind {
            0 => limiter.acquire_timeout("", weight, ms(20)),
            _ => limiter.try_acquire_n("", weight),
        });
        match outcome {
            Ok(_) | Err(AcquireError::Limited { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        match kind {
            2 => assert!(limiter.leak().is_ok()),
            3 => assert!(limiter.count().unwrap() <= 500 + 3 * WORKERS * THREADS),
            _ => {}
        }
    }
}

/// Has several processes of several threads hammer one bucket, and judges them.
fn storm(scene: &Scene, ask: impl Fn() -> SqliteBuilder, hogs: usize) {
    let limiter = Limiter::over(ask().rates(RATES).open().unwrap());
    let hogs: Vec<Process> = (0..hogs)
        .map(|_| Process::fork(|| while !scene.heard("it is over") {}))
        .collect();
    let work = |process: u64| {
        let limiter = &limiter;
        thread::scope(|scope| {
            for n in 0..THREADS {
                let worker = process * THREADS + n;
                scope.spawn(move || hammer(scene, limiter, worker, ms(2_000)));
            }
        });
    };
    let workers: Vec<Process> = (0..WORKERS).map(|n| Process::fork(|| work(n))).collect();
    workers.into_iter().for_each(Process::join);
    scene.announce("it is over");
    hogs.into_iter().for_each(Process::join);
    let verdict = scene.judge(&RATES);
    assert_eq!(
        verdict.workers.len() as u64,
        WORKERS * THREADS,
        "somebody got nothing"
    );
    // A busy machine may not come to fill the widest one.
    for rate in &verdict.rates[..2] {
        let most = u128::from(rate.rate.limit());
        assert!(rate.peak() + 3 >= most, "no window was full: {verdict}");
    }
}

#[test]
fn processes_and_threads_never_exceed_the_rates() {
    let Some(scene) = Scene::alone(processes_and_threads_never_exceed_the_rates) else {
        return;
    };
    storm(&scene, || bucket(&scene), 0);
}

#[test]
fn under_load_they_never_exceed_the_rates_either() {
    let Some(scene) = Scene::alone(under_load_they_never_exceed_the_rates_either) else {
        return;
    };
    storm(&scene, || bucket(&scene), 3);
}

#[test]
fn those_who_queue_by_the_file_lock_never_exceed_the_rates() {
    let Some(scene) = Scene::alone(those_who_queue_by_the_file_lock_never_exceed_the_rates) else {
        return;
    };
    storm(&scene, || bucket(&scene).file_lock(), 0);
}

/// How often each of several processes is granted something in a while, where nobody is refused.
fn shares(scene: &Scene, ask: impl Fn() -> SqliteBuilder) -> Vec<u64> {
    const CROWD: u64 = 4;
    let rate = Rate::new(1 << 30, ms(1000));
    let bucket = ask().rate(rate).open().unwrap();
    let work = |n: u64| {
        assert!(bucket.count().is_ok());
        scene.announce(&format!("ready {n}"));
        eventually("the start", || scene.heard("start"));
        let (started, mut got) = (Instant::now(), 0_u64);
        while started.elapsed() < ms(1_500) {
            take(&bucket, "", 1).unwrap();
            got += 1;
        }
        fs::write(scene.file(&format!("got {n}")), got.to_string()).unwrap();
    };
    let crowd: Vec<Process> = (0..CROWD).map(|n| Process::fork(|| work(n))).collect();
    let ready = || (0..CROWD).all(|n| scene.heard(&format!("ready {n}")));
    eventually("all to be ready", ready);
    scene.announce("start");
    crowd.into_iter().for_each(Process::join);
    let got = |n| fs::read_to_string(scene.file(&format!("got {n}"))).unwrap();
    (0..CROWD).map(|n| got(n).parse().unwrap()).collect()
}

#[test]
fn of_those_who_ask_all_the_time_everybody_gets_a_share() {
    let Some(scene) = Scene::alone(of_those_who_ask_all_the_time_everybody_gets_a_share) else {
        return;
    };
    let shares = shares(&scene, || bucket(&scene));
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert!(least * 10 >= *most, "{shares:?}");
}

#[test]
fn of_those_who_queue_by_the_file_lock_everybody_gets_a_share() {
    let Some(scene) = Scene::alone(of_those_who_queue_by_the_file_lock_everybody_gets_a_share)
    else {
        return;
    };
    let shares = shares(&scene, || bucket(&scene).file_lock());
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert!(least * 10 >= *most, "{shares:?}");
}

#[test]
fn eight_who_wait_get_equal_shares() {
    let Some(scene) = Scene::alone(eight_who_wait_get_equal_shares) else {
        return;
    };
    // There is never a permit for all of them: so each waits for its turn each time, and goes
    // then, however late a busy machine wakes it.
    let rate = Rate::new(2, ms(8));
    let limiter = Limiter::over(bucket(&scene).rate(rate).open().unwrap());
    let limiter = limiter.lateness(Duration::from_secs(3600));
    let work = |n| {
        let mut log = scene.log_in_batches_of(64, n);
        let started = Instant::now();
        while started.elapsed() < ms(2_000) {
            logged(&limiter, &mut log, n, |limiter| limiter.acquire("")).unwrap();
        }
    };
    let crowd: Vec<Process> = (0..8).map(|n| Process::fork(|| work(n))).collect();
    crowd.into_iter().for_each(Process::join);
    scene.judge(&[rate]);
    let mut shares = [0_u64; 8];
    for grant in scene.grants() {
        shares[grant.worker as usize] += 1;
    }
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert!(least * 2 >= *most, "{shares:?}");
}

#[test]
fn processes_that_are_killed_at_any_time_leave_nothing_half_done() {
    let Some(scene) = Scene::alone(processes_that_are_killed_at_any_time_leave_nothing_half_done)
    else {
        return;
    };
    const KILLS: u64 = 250;
    let open = || bucket(&scene).rates(RATES).open().unwrap();
    let limiter = Limiter::over(open());
    let play = |limiter: &Limiter, worker: u64| {
        let (mut log, mut chance) = (scene.log(worker), Chance::new());
        while !scene.heard("the storm is over") {
            let weight = 1 + chance.below(3);
            let outcome = logged(limiter, &mut log, worker, |limiter| match chance.below(8) {
                0 => limiter.acquire_timeout("", weight, ms(5)),
                _ => limiter.try_acquire_n("", weight),
            });
            match outcome {
                Ok(_) | Err(AcquireError::Limited { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            if chance.below(50) == 0 {
                limiter.leak().unwrap();
            }
        }
    };
    let steady: Vec<Process> = (0..2)
        .map(|n| Process::fork(|| play(&limiter, n)))
        .collect();
    let mut crowd = VecDeque::new();
    let mut chance = Chance::new();
    for kill in 0..KILLS {
        // Some are killed while they open the file, or join it again after the fork.
        crowd.push_back(Process::fork(|| match kill % 2 {
            0 => play(&Limiter::over(open()), 10 + kill),
            _ => play(&limiter, 10 + kill),
        }));
        chance.pause(15_000);
        if crowd.len() > 3 {
            crowd.pop_front().unwrap().kill();
        }
    }
    crowd.iter_mut().for_each(Process::kill);
    scene.announce("the storm is over");
    steady.into_iter().for_each(Process::join);
    scene.judge(&RATES);
    let workers: Vec<u32> = scene.grants().iter().map(|grant| grant.worker).collect();
    assert!(
        workers.contains(&0) && workers.contains(&1),
        "somebody got nothing"
    );
    // What the dead had is back after one interval.
    thread::sleep(RATES[2].interval() + ms(5));
    assert_eq!(limiter.count().unwrap(), 0);
    limiter.try_acquire_n("", 20).unwrap();
}

#[test]
fn of_many_who_open_a_file_at_once_one_makes_the_bucket() {
    let Some(scene) = Scene::alone(of_many_who_open_a_file_at_once_one_makes_the_bucket) else {
        return;
    };
    for round in 0..10 {
        let path = scene.file(&format!("bucket {round}.db"));
        let start = format!("start {round}");
        let ask = || {
            SqliteBucket::at(&path)
                .rate(Rate::per_hour(12))
                .open()
                .unwrap()
        };
        let opener = || {
            eventually("the start", || scene.heard(&start));
            take(&ask(), "", 1).unwrap();
        };
        let crowd: Vec<Process> = (0..12).map(|_| Process::fork(opener)).collect();
        scene.announce(&start);
        crowd.into_iter().for_each(Process::join);
        assert_eq!(ask().count().unwrap(), 12);
        limited(take(&ask(), "", 1));
    }
}

/// A clock that never tells the time, once it has told that it is asked: whoever reads it in a
/// transaction keeps the file.
struct Stuck<'s>(&'s Scene);

impl Clock for Stuck<'static> {
    fn now(&self) -> Result<Timestamp, ClockError> {
        if self.0.heard("stick") {
            self.0.announce("stuck");
            loop {
                thread::park();
            }
        }
        Wall.now()
    }
}

fn one_that_keeps_the_file(scene: &'static Scene, test: impl FnOnce(&SqliteBucket, &Process)) {
    let ask = || bucket(scene).rate(Rate::per_hour(12)).clock(Stuck(scene));
    let keeper = ask().open().unwrap();
    let patient = ask().patience(ms(300)).clock(Wall).open().unwrap();
    take(&patient, "", 1).unwrap();
    let mut keeper = Process::fork(|| {
        scene.announce("stick");
        let _ = take(&keeper, "", 1);
    });
    eventually("somebody to keep the file", || scene.heard("stuck"));
    test(&patient, &keeper);
    keeper.kill();
    assert_eq!(
        patient.count().unwrap(),
        1,
        "what was not told is not there"
    );
    take(&patient, "", 11).unwrap();
    limited(take(&patient, "", 1));
}

#[test]
fn who_keeps_the_file_too_long_is_an_error_of_its_own_and_gone_when_it_is_killed() {
    let Some(scene) =
        Scene::alone(who_keeps_the_file_too_long_is_an_error_of_its_own_and_gone_when_it_is_killed)
    else {
        return;
    };
    let scene = Box::leak(Box::new(scene));
    one_that_keeps_the_file(scene, |patient, keeper| {
        for _ in 0..2 {
            let error = take(patient, "", 1).unwrap_err();
            assert_eq!(error.outcome(), Outcome::Undone);
            let AcquireError::Bucket(BucketError::Backend(_)) = &error else {
                panic!("{error}")
            };
            let error = error.to_string();
            assert!(error.contains("kept the file locked for 300ms"), "{error}");
        }
        // Looking keeps nobody waiting.
        assert_eq!(patient.count().unwrap(), 1);
        keeper.signal(Signal::SIGSTOP);
        take(patient, "", 1).unwrap_err();
    });
}
