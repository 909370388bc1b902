//! Several at once, and one after the other.

use crate::bucket::Bucket;
use crate::conformance::crowd::{processes, threads};
use crate::conformance::log::Log;
use crate::conformance::scene::{LONG, Scene, count, item, refused, take};
use crate::error::AcquireError;
use crate::rate::Rate;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const CROWD: usize = 4;
/// How long a crowd asks.
const WHILE: Duration = Duration::from_millis(1500);

/// Permits for all that the crowd asks for.
const EACH: u64 = 50;

/// Takes what it can, and waits a little where it is told to wait.
fn ask_again_and_again(bucket: &dyn Bucket) -> Log {
    let (begun, mut log, mut weight) = (Instant::now(), Log::default(), 1);
    while begun.elapsed() < WHILE {
        match bucket.put(item(weight), Duration::ZERO) {
            Ok(grant) => log.push(&grant),
            Err(AcquireError::Limited { retry_after, .. }) => {
                thread::sleep(retry_after.min(Duration::from_millis(1)));
            }
            Err(error) => panic!("neither granted nor limited: {error}"),
        }
        weight = weight % 3 + 1;
    }
    log
}

fn rate() -> Rate {
    Rate::new(20, Duration::from_millis(100))
}

/// None is over, and it is not for want of asking.
fn judge(log: &Log) {
    log.judge(rate());
    assert!(
        log.permits() >= 60,
        "{} permits in {WHILE:?}",
        log.permits()
    );
}

/// Asks for one permit after the other, none of which may be refused.
fn ask_for_each(bucket: &dyn Bucket) -> Log {
    let mut log = Log::default();
    for _ in 0..EACH {
        log.push(&take(bucket, 1));
    }
    log
}

pub fn nobody_is_refused_for_others_being_busy(scene: &Scene<'_>) {
    let all = CROWD as u64 * EACH;
    let bucket = scene.open(&[Rate::new(all, LONG)]);
    let log = threads(&bucket, CROWD, ask_for_each);
    assert_eq!((log.permits(), count(&bucket)), (all, all));
    refused(&bucket, 1);
}

pub fn threads_together_never_exceed_a_window(scene: &Scene<'_>) {
    let scene = scene.in_real_time();
    let bucket = scene.open(&[rate()]);
    judge(&threads(&bucket, CROWD, ask_again_and_again));
}

pub fn processes_together_never_exceed_a_window(scene: &Scene<'_>) {
    if let Some(log) = processes(scene, &[rate()], CROWD, ask_again_and_again) {
        judge(&log);
    }
}

pub fn another_handle_sees_what_one_was_granted(scene: &Scene<'_>) {
    if !scene.is_shared() {
        return;
    }
    let rates = [Rate::new(3, LONG)];
    let one = scene.open(&rates);
    take(&one, 1);
    let two = scene.open(&rates);
    assert_eq!(count(&two), 1);
    let grant = take(&two, 2);
    refused(&one, 1);
    assert!(
        one.now().expect("the time") >= grant.at,
        "they tell the same time"
    );
    let close = |bucket: Arc<dyn Bucket>| {
        bucket.close().expect("it closes");
        drop(bucket);
    };
    close(one);
    refused(&two, 1);
    close(two);
    // Nobody has it open now.
    let three = scene.open(&rates);
    assert_eq!(count(&three), 3);
    refused(&three, 1);
}
