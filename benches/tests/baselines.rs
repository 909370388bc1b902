//! The baselines are limiters, too: they keep their limit, and meet a dead owner
//! as their locks promise.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use tidegate_benches::baselines::{FileLock, Lock, Locked, RobustMutex, SpinLock};
use tidegate_benches::clock::boottime;
use tidegate_benches::contender::{Contender, Gate, Limit};
use tidegate_benches::harness;
use tidegate_benches::process::Child;
use tidegate_benches::shared::Shared;

/// Long enough for anything that will happen at all.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough to see that something does not happen: too short would only make a
/// test pass that should fail.
const A_WHILE: Duration = Duration::from_millis(200);

const PROCESSES: usize = 8;

fn eight_processes_keep_both_rates<L: Lock>() {
    let rates = [
        Limit {
            limit: 20,
            interval: Duration::from_millis(2),
        },
        Limit {
            limit: 100,
            interval: Duration::from_millis(20),
        },
    ];
    let contender = Locked::<L>::new(&rates).unwrap();
    keep(&contender, &rates);
    keep(&contender.clock_first(), &rates);
}

fn keep<L: Lock>(contender: &Locked<L>, rates: &[Limit]) {
    let slice = harness::run(PROCESSES, Duration::from_millis(300), |_, stage| {
        let gate = contender.enter()?;
        let mut grants = Vec::new();
        stage.start();
        while stage.running() {
            let before = boottime();
            let verdict = gate.try_acquire();
            let after = boottime();
            if let Ok(at) = verdict {
                assert!(before <= at && at <= after, "{before} <= {at} <= {after}");
                grants.push(at);
            }
        }
        Ok(grants)
    })
    .unwrap();

    let mut grants = slice.results.concat();
    grants.sort_unstable();
    assert!(grants.len() > 100, "only {} grants", grants.len());
    for rate in rates {
        let limit = rate.limit as usize;
        for (first, next) in grants.iter().zip(&grants[limit..]) {
            let apart = Duration::from_nanos(next - first);
            assert!(
                apart >= rate.interval,
                "{} grants within {apart:?}",
                limit + 1
            );
        }
    }
}

#[test]
fn eight_processes_keep_both_rates_under_the_robust_mutex() {
    eight_processes_keep_both_rates::<RobustMutex>();
}

#[test]
fn eight_processes_keep_both_rates_under_the_file_lock() {
    eight_processes_keep_both_rates::<FileLock>();
}

#[test]
fn eight_processes_keep_both_rates_under_the_spin_lock() {
    eight_processes_keep_both_rates::<SpinLock>();
}

fn eight_processes_share_exactly_the_limit<L: Lock>() {
    let limit = Limit {
        limit: 4096,
        interval: Duration::from_secs(3600),
    };
    let contender = Locked::<L>::new(&[limit]).unwrap();
    let slice = harness::run(PROCESSES, Duration::from_millis(100), |_, stage| {
        let gate = contender.enter()?;
        stage.start();
        let granted = std::iter::repeat_with(|| gate.try_acquire()).take_while(Result::is_ok);
        Ok(vec![granted.count() as u64])
    })
    .unwrap();
    assert_eq!(slice.results.concat().iter().sum::<u64>(), limit.limit);
}

#[test]
fn eight_processes_share_exactly_the_limit_under_the_robust_mutex() {
    eight_processes_share_exactly_the_limit::<RobustMutex>();
}

#[test]
fn eight_processes_share_exactly_the_limit_under_the_file_lock() {
    eight_processes_share_exactly_the_limit::<FileLock>();
}

#[test]
fn eight_processes_share_exactly_the_limit_under_the_spin_lock() {
    eight_processes_share_exactly_the_limit::<SpinLock>();
}

#[test]
fn a_refusal_says_how_long_to_wait() {
    let limit = Limit {
        limit: 1,
        interval: Duration::from_secs(3600),
    };
    let contender = Locked::<SpinLock>::new(&[limit]).unwrap();
    let gate = contender.enter().unwrap();
    let at = gate.try_acquire().unwrap();
    let before = boottime();
    let wait = gate.try_acquire().unwrap_err();
    let ready = at + limit.interval.as_nanos() as u64;
    assert!(before + wait <= ready + (boottime() - before) && boottime() + wait >= ready);
}

#[test]
fn a_limit_beyond_the_ring_is_an_error() {
    let limit = Limit {
        limit: 4097,
        interval: Duration::from_secs(1),
    };
    let error = Locked::<SpinLock>::new(&[limit]).err().unwrap();
    assert_eq!(
        error.to_string(),
        "limit 4097 is above the ring's 4096 slots"
    );
}

/// A limiter whose lock is held by a process that waits to be told to go on.
struct Held<L: Lock> {
    contender: Locked<L>,
    holder: Child,
    state: Shared<AtomicU32>,
}

const HELD: u32 = 1;
const GO_ON: u32 = 2;

impl<L: Lock> Held<L> {
    fn new() -> io::Result<Self> {
        let limit = Limit {
            limit: 10,
            interval: Duration::from_secs(3600),
        };
        let contender = Locked::new(&[limit])?;
        let state = Shared::<AtomicU32>::new()?;
        let holder = Child::spawn(0, || {
            contender.enter()?.hold(|| {
                state.store(HELD, Ordering::Release);
                while state.load(Ordering::Acquire) != GO_ON {
                    sleep(Duration::from_millis(1));
                }
            });
            Ok(Vec::new())
        })?;
        while state.load(Ordering::Acquire) != HELD {
            sleep(Duration::from_millis(1));
        }
        Ok(Self {
            contender,
            holder,
            state,
        })
    }
}

/// A process that takes one permit.
fn caller<L: Lock>(contender: &Locked<L>) -> io::Result<Child> {
    Child::spawn(1, || {
        let granted = contender.enter()?.try_acquire();
        Ok(vec![granted.is_ok().into()])
    })
}

fn a_killed_holder_does_not_block_the_next_caller<L: Lock>() {
    let Held {
        contender, holder, ..
    } = Held::<L>::new().unwrap();
    holder.kill().unwrap();
    let call = |_| -> bool {
        let one = Child::spawn(1, || {
            let gate = contender.enter()?;
            Ok(vec![
                gate.try_acquire().is_ok().into(),
                gate.try_acquire().is_ok().into(),
            ])
        });
        one.unwrap().join(PATIENCE).unwrap() == [1, 1]
    };
    assert!(
        (0..5).all(call),
        "a caller after the dead holder was refused"
    );
    let gate = contender.enter().unwrap();
    assert!(
        gate.try_acquire().is_err(),
        "the eleventh of ten was granted"
    );
}

#[test]
fn a_killed_holder_of_the_robust_mutex_does_not_block_the_next_caller() {
    a_killed_holder_does_not_block_the_next_caller::<RobustMutex>();
}

#[test]
fn a_killed_holder_of_the_file_lock_does_not_block_the_next_caller() {
    a_killed_holder_does_not_block_the_next_caller::<FileLock>();
}

#[test]
fn a_killed_holder_of_the_spin_lock_blocks_everybody_for_ever() {
    let Held {
        contender, holder, ..
    } = Held::<SpinLock>::new().unwrap();
    holder.kill().unwrap();
    let caller = caller(&contender).unwrap();
    let error = caller.join(A_WHILE).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

fn a_stopped_holder_blocks_others_until_it_goes_on<L: Lock>() {
    let held = Held::<L>::new().unwrap();
    held.holder.stop().unwrap();
    let error = caller(&held.contender).unwrap().join(A_WHILE).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);

    let caller = caller(&held.contender).unwrap();
    held.state.store(GO_ON, Ordering::Release);
    held.holder.resume().unwrap();
    assert_eq!(caller.join(PATIENCE).unwrap(), [1]);
    held.holder.join(PATIENCE).unwrap();
}

#[test]
fn a_stopped_holder_of_the_robust_mutex_blocks_others_until_it_goes_on() {
    a_stopped_holder_blocks_others_until_it_goes_on::<RobustMutex>();
}

#[test]
fn a_stopped_holder_of_the_file_lock_blocks_others_until_it_goes_on() {
    a_stopped_holder_blocks_others_until_it_goes_on::<FileLock>();
}

#[test]
fn a_stopped_holder_of_the_spin_lock_blocks_others_until_it_goes_on() {
    a_stopped_holder_blocks_others_until_it_goes_on::<SpinLock>();
}
