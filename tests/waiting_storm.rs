//! Thousands of waiters of all kinds in several processes, judged from their logs; and what
//! those who come and go cost the others.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Chance, Process, Scene, eventually, grant, logged};
use std::collections::VecDeque;
use std::fs;
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Rate, Reservation};
use tidegate_judge::{Grant, Log, read_folder};

const HOUR: Duration = Duration::from_secs(3600);

/// A wait of a kind that chance picks, to its end or not.
fn wait(limiter: &Limiter, out: &mut Log, worker: u64, chance: &mut Chance) {
    let max_wait = [ms(2), ms(30), HOUR][chance.below(3) as usize];
    let before = limiter.now().unwrap().as_micros();
    let place = match limiter.reserve("", 1 + chance.below(5), max_wait) {
        Ok(place) => place,
        Err(AcquireError::Limited { .. } | AcquireError::QueueFull { .. }) => {
            return chance.pause(2_000);
        }
        Err(error) => panic!("{error}"),
    };
    match chance.below(8) {
        0 => return place.cancel(),
        1 => chance.pause(3_000),
        2 => return drop(limiter.resume("")),
        3 if chance.below(20) == 0 => drop(limiter.pause("", ms(1 + chance.below(8))).map(Some)),
        _ => {}
    }
    match place.wait() {
        Ok(mut permit) => {
            let unused = chance.below(permit.weight() + 1);
            if chance.below(4) == 0 {
                permit.refund_n(unused).unwrap();
            }
            out.append(&grant(limiter, worker, before, &permit))
                .unwrap();
        }
        // It woke late or in a pause, and queued again.
        Err(AcquireError::Limited { .. } | AcquireError::QueueFull { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn waiters_that_cancel_refund_pause_and_are_killed_are_never_over() {
    const KILLS: u64 = 400;
    const WAITS: u64 = 3_000;
    let rates = [Rate::new(60, ms(10)), Rate::new(200, ms(50))];
    let Some(scene) = Scene::alone(waiters_that_cancel_refund_pause_and_are_killed_are_never_over)
    else {
        return;
    };
    let limiter = scene.limiter().rates(rates).queue(300).open().unwrap();
    let work = |worker, go_on: &dyn Fn(u64) -> bool| {
        let (mut out, mut chance) = (scene.log(worker), Chance::new());
        for round in 0.. {
            if !go_on(round) {
                return;
            }
            wait(&limiter, &mut out, worker, &mut chance);
        }
    };
    let steady: Vec<Process> = (0..4)
        .map(|n| Process::fork(|| work(n, &|round| round < WAITS || !scene.heard("the end"))))
        .collect();
    let (mut crowd, mut chance) = (VecDeque::new(), Chance::new());
    for kill in 0..KILLS {
        crowd.push_back(Process::fork(|| work(10 + kill, &|_| true)));
        chance.pause(8_000);
        if crowd.len() > 4 {
            crowd.pop_front().unwrap().kill();
        }
    }
    crowd.iter_mut().for_each(Process::kill);
    scene.announce("the end");
    steady.into_iter().for_each(Process::join);
    scene.judge(&rates);
    let waited = scene
        .grants()
        .iter()
        .filter(|grant| grant.sleeps > 0)
        .count();
    assert!(waited > 2_000, "only {waited} waited");

    // Nothing is left of those who gave their places back, nor of the dead.
    eventually("an empty bucket", || limiter.count().unwrap() == 0);
    limiter.resume("").unwrap();
    let burst = (0..).take_while(|_| limiter.try_acquire_n("", 10).is_ok());
    assert_eq!(burst.take(7).count(), 6);
}

/// How much time passed in which the rate would have let those go who waited, in
/// microseconds, and of how much. One who is heavy has to be waited for: that is no loss.
fn lost(grants: &[Grant], rate: Rate) -> (u64, u64) {
    let (limit, interval) = (rate.limit() as usize, rate.interval().as_micros() as u64);
    let mut stamps: Vec<u64> = Vec::new();
    let (mut lost, mut waited) = (0, 0);
    for grant in grants {
        let newest = stamps.last().copied().unwrap_or(0);
        stamps.resize(stamps.len() + grant.weight as usize, grant.at);
        let leaves = stamps
            .len()
            .checked_sub(limit + 1)
            .map_or(0, |nth| stamps[nth] + interval);
        if grant.sleeps > 0 {
            lost += grant
                .at
                .saturating_sub(leaves.max(newest).max(grant.before));
            waited += grant.at - newest;
        }
    }
    (lost, waited)
}

#[test]
fn grants_come_in_the_order_of_reservations_and_no_time_is_lost_while_somebody_waits() {
    const CROWD: u64 = 4;
    const WAITS: u64 = 800;
    let rate = Rate::new(20, ms(10));
    let Some(scene) = Scene::alone(
        grants_come_in_the_order_of_reservations_and_no_time_is_lost_while_somebody_waits,
    ) else {
        return;
    };
    // Nobody queues again because a busy machine woke it late.
    let limiter = scene.limiter().rate(rate).lateness(HOUR).open().unwrap();
    let places = scene.file("places");
    fs::create_dir(&places).unwrap();
    let work = |worker: u64| {
        let (mut out, mut chance) = (scene.log_in_batches_of(64, worker), Chance::new());
        let mut reserved = Log::batched(places.join(worker.to_string()), 64).unwrap();
        let mut ahead: VecDeque<(u64, Reservation<'_>)> = VecDeque::new();
        let mut left = WAITS;
        while left > 0 || !ahead.is_empty() {
            if left > 0 && ahead.len() < 60 {
                left -= 1;
                let before = limiter.now().unwrap().as_micros();
                let place = limiter.reserve("", 1 + chance.below(4), HOUR).unwrap();
                let place_of = Grant {
                    before,
                    at: place.ready_at().as_micros(),
                    after: limiter.now().unwrap().as_micros(),
                    weight: place.weight(),
                    worker: worker as u32,
                    sleeps: 0,
                };
                reserved.append(&place_of).unwrap();
                ahead.push_back((before, place));
            } else if let Some((before, place)) = ahead.pop_front() {
                let permit = place.wait().unwrap();
                let grant = grant(&limiter, worker, before, &permit);
                out.append(&grant).unwrap();
            }
        }
        reserved.flush().unwrap();
        out.flush().unwrap();
    };
    let crowd: Vec<Process> = (0..CROWD).map(|n| Process::fork(|| work(n))).collect();
    crowd.into_iter().for_each(Process::join);
    scene.judge(&[rate]);

    // Who had its place before another asked for one goes before it, or with it.
    let mut by_asking = read_folder(&places).unwrap();
    assert_eq!(by_asking.len() as u64, CROWD * WAITS);
    let mut by_having = by_asking.clone();
    by_asking.sort_unstable_by_key(|place| place.before);
    by_having.sort_unstable_by_key(|place| place.after);
    let (mut had, mut latest, mut pairs) = (by_having.iter().peekable(), 0, 0_u64);
    for place in &by_asking {
        while let Some(earlier) = had.next_if(|earlier| earlier.after < place.before) {
            latest = latest.max(earlier.at);
            pairs += 1;
        }
        assert!(latest <= place.at, "{place:?} overtook one of {latest}");
    }
    assert!(pairs > CROWD * WAITS / 2, "hardly any came after another");

    let mut grants = scene.grants();
    grants.sort_unstable_by_key(|grant| (grant.at, grant.before));
    let promised: u64 = by_asking.iter().map(|place| place.at).sum();
    assert_eq!(promised, grants.iter().map(|grant| grant.at).sum::<u64>());
    assert!(grants.iter().all(|grant| grant.sleeps <= 1));
    let (lost, waited) = lost(&grants, rate);
    assert!(waited > 1_000_000, "only {waited} us were waited for");
    assert!(lost * 1000 <= waited * 5, "{lost} of {waited} us were lost");
}

#[test]
fn those_who_reserve_and_cancel_in_a_loop_leave_the_others_their_grants() {
    let Some(scene) =
        Scene::alone(those_who_reserve_and_cancel_in_a_loop_leave_the_others_their_grants)
    else {
        return;
    };
    let rate = Rate::new(100, ms(20));
    // Room for what is cancelled in one interval: two processes do not cancel more.
    let builder = scene.limiter().rate(rate).capacity(1 << 17);
    let limiter = builder.open().unwrap();
    // How many are granted while so much time passes on the segment's own clock.
    let granted = || {
        let started = limiter.now().unwrap();
        let (mut count, mut now) = (0, started);
        while now.duration_since(started) < 50 * rate.interval() {
            count += u64::from(limiter.try_acquire("").is_ok());
            now = limiter.now().unwrap();
        }
        count * 1_000_000 / now.duration_since(started).as_micros() as u64
    };
    let alone = granted();
    let cancels = |n: u64| {
        let mut rounds = 0_u64;
        while !scene.heard("the end") {
            for _ in 0..64 {
                if let Ok(place) = limiter.reserve("", 1, HOUR) {
                    place.cancel();
                }
                rounds += 1;
            }
        }
        fs::write(scene.file(&format!("rounds {n}")), rounds.to_string()).unwrap();
    };
    let crowd: Vec<Process> = (0..2).map(|n| Process::fork(|| cancels(n))).collect();
    let beside = granted();
    scene.announce("the end");
    crowd.into_iter().for_each(Process::join);
    let rounds = |n: u64| -> u64 {
        let text = fs::read_to_string(scene.file(&format!("rounds {n}"))).unwrap();
        text.parse().unwrap()
    };
    assert!(rounds(0) > 100 && rounds(1) > 100);
    // One that is preempted in between does wait, and is not overtaken as long: on two busy
    // processors that is some of the time.
    assert!(beside * 10 > alone, "{beside} beside them, {alone} without");
}

#[test]
fn a_pause_over_a_queue_lets_nobody_go_in_it_and_no_burst_after_it() {
    const CROWD: u64 = 8;
    let rate = Rate::new(4, ms(20));
    let Some(scene) = Scene::alone(a_pause_over_a_queue_lets_nobody_go_in_it_and_no_burst_after_it)
    else {
        return;
    };
    let limiter = scene.limiter().rate(rate).open().unwrap();
    let work = |worker| {
        let mut out = scene.log(worker);
        while !scene.heard("the end") {
            logged(&limiter, &mut out, worker, |limiter| limiter.acquire("")).unwrap();
        }
    };
    let crowd: Vec<Process> = (0..CROWD).map(|n| Process::fork(|| work(n))).collect();
    let mut pauses = Vec::new();
    let reserved = || limiter.inspect().unwrap().reserved;
    for round in 0..12_u64 {
        let before = reserved();
        eventually("some grants", || reserved() > before + 3 * CROWD);
        let until = match round % 2 {
            0 => limiter.pause("", ms(60)),
            _ => limiter.pause_all(ms(60)),
        };
        // From here on all see it.
        let begun = limiter.now().unwrap();
        pauses.push(begun.as_micros()..until.unwrap().as_micros());
    }
    scene.announce("the end");
    crowd.into_iter().for_each(Process::join);
    scene.judge(&[rate]);
    let grants = scene.grants();
    for pause in pauses {
        let within = grants.iter().find(|grant| pause.contains(&grant.at));
        assert_eq!(within, None, "in the pause {pause:?}");
        let next = grants.iter().filter(|grant| grant.at >= pause.end).count();
        assert!(next > 0, "all are gone");
    }
}

#[test]
fn a_resume_reaches_all_who_wait_behind_a_pause_and_those_who_come_just_then() {
    const CROWD: u64 = 10;
    let rate = Rate::new(2, ms(20));
    let Some(scene) =
        Scene::alone(a_resume_reaches_all_who_wait_behind_a_pause_and_those_who_come_just_then)
    else {
        return;
    };
    let limiter = scene.limiter().rate(rate).open().unwrap();
    let waiter = |n| {
        let mut out = scene.log(n);
        logged(&limiter, &mut out, n, |limiter| limiter.acquire("")).unwrap();
    };
    type Steer = fn(&Limiter);
    let ways: [(Steer, Steer); 2] = [
        (
            |limiter| assert!(limiter.pause("", HOUR).is_ok()),
            |limiter| assert!(limiter.resume("").unwrap()),
        ),
        (
            |limiter| assert!(limiter.pause_all(HOUR).is_ok()),
            |limiter| assert!(limiter.resume_all().unwrap()),
        ),
    ];
    for (way, (pause, resume)) in (0..).zip(ways) {
        pause(&limiter);
        let first = 100 * way;
        let mut crowd: Vec<Process> = (0..CROWD)
            .map(|n| Process::fork(|| waiter(first + n)))
            .collect();
        eventually("the queue", || limiter.queued().unwrap() == CROWD);
        // One of them does not hear of it for now.
        crowd[0].stop();
        resume(&limiter);
        crowd.push(Process::fork(|| waiter(first + CROWD)));
        eventually("the others to leave", || limiter.queued().unwrap() == 1);
        crowd[0].go_on();
        crowd.into_iter().for_each(Process::join);
    }
    let verdict = scene.judge(&[rate]);
    assert_eq!(verdict.total.grants, 2 * (CROWD + 1));
}
