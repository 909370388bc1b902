//! Many processes and threads at one server: exact to the permit, and fair.

use super::common::{Process, Scene, eventually};
use super::servers::redis::address_in;
use super::{HOUR, RedisServer, item};
use nix::sys::signal::Signal;
use std::any::type_name;
use std::thread;
use std::time::{Duration, SystemTime};
use tidegate::{AcquireError, Bucket, Rate, RedisBucket};
use tidegate_judge::{Grant, Log};

/// The server of a scene, in its folder.
fn server_of<T: Fn()>(scene: &Scene, _test: T, options: &[&str]) -> Option<RedisServer> {
    let socket = scene.file("redis.sock");
    RedisServer::start_in(socket.parent().unwrap(), type_name::<T>(), options)
}

fn bucket(scene: &Scene, rates: &[Rate]) -> RedisBucket {
    let socket = scene.file("redis.sock");
    let builder = RedisBucket::at(address_in(socket.parent().unwrap()), "test");
    builder.rates(rates.iter().copied()).open().unwrap()
}

/// The clock that the server of this host goes by as well.
fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64
}

/// Takes permits, waiting for them, and logs it; whether the server failed.
fn take(
    bucket: &RedisBucket,
    log: &mut Log,
    worker: u64,
    weight: u64,
    max_wait: Duration,
) -> Result<bool, AcquireError> {
    let before = now();
    let grant = match bucket.put(item(weight), max_wait) {
        Err(AcquireError::Limited { .. } | AcquireError::QueueFull { .. }) => return Ok(false),
        other => other?,
    };
    thread::sleep(grant.wait);
    let grant = Grant {
        before,
        at: grant.at.as_micros(),
        after: now(),
        weight,
        worker: worker as u32,
        sleeps: u32::from(!grant.wait.is_zero()),
    };
    log.append(&grant).unwrap();
    Ok(true)
}

const BUSY: [Rate; 2] = [
    Rate::new(200, Duration::from_millis(100)),
    Rate::new(1_500, Duration::from_secs(1)),
];

#[test]
fn no_window_of_many_processes_and_threads_holds_too_much() {
    let test = no_window_of_many_processes_and_threads_holds_too_much;
    let scene = Scene::of(test);
    scene.part("hog", |_| {
        loop {
            std::hint::spin_loop();
        }
    });
    scene.part("taker", |cues| {
        let (worker, end) = (cues[0], cues[1]);
        let bucket = bucket(&scene, &BUSY);
        thread::scope(|scope| {
            for half in 0..2 {
                let (bucket, scene) = (&bucket, &scene);
                scope.spawn(move || {
                    let worker = 2 * worker + half;
                    let mut log = scene.log_in_batches_of(64, worker);
                    for turn in 0.. {
                        if now() > end {
                            break;
                        }
                        let wait = Duration::from_millis(turn % 3);
                        take(bucket, &mut log, worker, 1 + turn % 2, wait).unwrap();
                    }
                });
            }
        });
    });
    let Some(_server) = server_of(&scene, test, &[]) else {
        return;
    };
    bucket(&scene, &BUSY);
    let end = now() + 3_000_000;
    // Two that only burn time, beside those who take.
    let mut hogs: Vec<Process> = (0..2).map(|_| scene.start("hog", &[])).collect();
    let takers: Vec<Process> = (0..6).map(|n| scene.start("taker", &[n, end])).collect();
    takers.into_iter().for_each(Process::join);
    hogs.iter_mut().for_each(Process::kill);
    let verdict = scene.judge(&BUSY);
    assert_eq!(verdict.workers.len(), 12, "some got nothing: {verdict}");
}

#[test]
fn no_window_holds_too_much_when_the_server_is_killed_again_and_again() {
    let test = no_window_holds_too_much_when_the_server_is_killed_again_and_again;
    let scene = Scene::of(test);
    scene.part("taker", |cues| {
        let (worker, end) = (cues[0], cues[1]);
        let bucket = bucket(&scene, &BUSY);
        let mut log = scene.log_in_batches_of(64, worker);
        while now() < end {
            let taken = take(&bucket, &mut log, worker, 1, Duration::from_millis(2));
            match taken {
                Ok(_) | Err(AcquireError::Bucket(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    let options = ["--appendonly", "yes", "--appendfsync", "always"];
    let Some(mut server) = server_of(&scene, test, &options) else {
        return;
    };
    bucket(&scene, &BUSY);
    let end = now() + 3_000_000;
    let takers: Vec<Process> = (0..4).map(|n| scene.start("taker", &[n, end])).collect();
    while now() < end {
        thread::sleep(Duration::from_millis(300));
        server.end(Signal::SIGKILL);
        server.start_again();
    }
    takers.into_iter().for_each(Process::join);
    let verdict = scene.judge(&BUSY);
    assert_eq!(verdict.workers.len(), 4, "all come back: {verdict}");
}

#[test]
fn those_who_wait_are_served_alike() {
    const RATE: [Rate; 1] = [Rate::per_second(1_000)];
    let scene = Scene::of(those_who_wait_are_served_alike);
    scene.part("waiter", |cues| {
        let (worker, end) = (cues[0], cues[1]);
        let bucket = bucket(&scene, &RATE);
        let mut log = scene.log_in_batches_of(64, worker);
        scene.announce(&format!("ready {worker}"));
        eventually("the others to be ready", || scene.heard("go"));
        while now() < end {
            take(&bucket, &mut log, worker, 1, HOUR).unwrap();
        }
    });
    let Some(_server) = server_of(&scene, those_who_wait_are_served_alike, &[]) else {
        return;
    };
    bucket(&scene, &RATE);
    let end = now() + 5_000_000;
    let waiters: Vec<Process> = (0..8).map(|n| scene.start("waiter", &[n, end])).collect();
    eventually("all to be ready", || {
        (0..8).all(|n| scene.heard(&format!("ready {n}")))
    });
    scene.announce("go");
    waiters.into_iter().for_each(Process::join);
    let verdict = scene.judge(&RATE);
    let shares = verdict.workers.values().map(|tally| tally.weight);
    let (least, most) = (shares.clone().min().unwrap(), shares.max().unwrap());
    assert!(verdict.workers.len() == 8 && 2 * least >= most, "{verdict}");
}

#[test]
fn a_forked_child_has_connections_of_its_own() {
    const RATE: [Rate; 1] = [Rate::new(1_000, HOUR)];
    let test = a_forked_child_has_connections_of_its_own;
    let Some(scene) = Scene::alone(test) else {
        return;
    };
    let Some(server) = server_of(&scene, test, &[]) else {
        return;
    };
    let bucket = bucket(&scene, &RATE);
    let mut log = scene.log("parent");
    take(&bucket, &mut log, 9, 1, HOUR).unwrap();
    let takes = |worker: u64, log: &mut Log| {
        for _ in 0..100 {
            assert!(take(&bucket, log, worker, 1, HOUR).unwrap());
        }
    };
    let children: Vec<Process> = (0..4)
        .map(|worker| {
            Process::fork(|| {
                takes(worker, &mut scene.log(worker));
                // And so has its own child.
                Process::fork(|| takes(worker + 4, &mut scene.log(worker + 4))).join();
            })
        })
        .collect();
    takes(8, &mut log);
    children.into_iter().for_each(Process::join);
    assert_eq!(bucket.count().unwrap(), 901);
    assert_eq!(scene.judge(&RATE).total.weight, 901);
    // Of the parent's none was closed or used by a child.
    let clients: String = server.tell(&["CLIENT", "LIST"]);
    assert_eq!(
        clients.lines().count(),
        2,
        "the parent's and this one: {clients}"
    );
}
