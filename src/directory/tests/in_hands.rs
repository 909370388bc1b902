//! Buckets in the hands of callers, on their way to a key or back to the stock, while
//! somebody else needs one.

use super::{NoBucket, check, key, reserve};
use crate::directory::{Directory, HeapNodes, Nodes};
use crate::sync::BEFORE_ACCESS;
use crate::sync::Ordering::Relaxed;
use std::cell::{Cell, RefCell};
use std::sync::Barrier;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

thread_local! {
    /// Accesses that this thread still has before it does what it is to do then.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
    static THEN: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

fn count_down() {
    match LEFT.get() {
        Some(0) => {
            LEFT.set(None);
            if let Some(then) = THEN.take() {
                then();
            }
        }
        left => LEFT.set(left.map(|left| left - 1)),
    }
}

/// Does `then` before the access of that number in `call`, if it has so many. Whether it had.
fn amid<T>(access: u64, then: impl FnOnce() + 'static, call: impl FnOnce() -> T) -> (T, bool) {
    LEFT.set(Some(access));
    THEN.set(Some(Box::new(then)));
    BEFORE_ACCESS.set(count_down);
    let answer = call();
    BEFORE_ACCESS.set(|| {});
    LEFT.set(None);
    (answer, THEN.take().is_none())
}

/// The other end of one who stops.
struct Stopped {
    stopped: Receiver<()>,
    go_on: Sender<()>,
}

/// How one stops, and how others see it.
fn stop() -> (impl FnOnce() + Send + 'static, Stopped) {
    let (tell, stopped) = channel();
    let (go_on, told) = channel();
    let stop = move || {
        tell.send(()).unwrap();
        // Whoever is to say so has ended: so may this one.
        let _ = told.recv();
    };
    (stop, Stopped { stopped, go_on })
}

/// Two bring the key `a`, of whom one stops at any of its accesses; a third brings `b`, and
/// there are two buckets. Does the one who has stopped go on while the third looks, then
/// there is a bucket for `b`, whatever it had in hand.
#[test]
fn what_another_has_in_hand_and_gives_back_is_had_by_who_needs_it() {
    for goes_on_at in 0..60 {
        for stops_at in 0.. {
            let nodes = HeapNodes::new(1, 2, 16).unwrap();
            let directory = Directory::new(&nodes);
            let (stop, Stopped { stopped, go_on }) = stop();
            let has_stopped = thread::scope(|scope| {
                let one = scope.spawn(|| {
                    let call = || reserve(Directory::new(&nodes), b"a", &|| 100, 1);
                    let (answer, has_stopped) = amid(stops_at, stop, call);
                    answer.unwrap();
                    has_stopped
                });
                // An error, if it has come to its end without a stop.
                let _ = stopped.recv();
                reserve(directory, b"a", &|| 100, 1).unwrap();
                let (ended, has_ended) = channel();
                let resume = move || {
                    let _ = go_on.send(());
                    has_ended.recv().unwrap();
                };
                let waits = scope.spawn(move || {
                    let has_stopped = one.join().unwrap();
                    let _ = ended.send(());
                    has_stopped
                });
                let call = || reserve(directory, b"b", &|| 100, 1);
                let (answer, _) = amid(goes_on_at, resume, call);
                answer.unwrap_or_else(|why| panic!("{why:?}: {stops_at} {goes_on_at}"));
                waits.join().unwrap()
            });
            check(&nodes);
            if !has_stopped {
                assert!(stops_at > 20, "it has no more accesses");
                break;
            }
        }
    }
}

/// Whoever has a bucket in hand and stops for ever costs that bucket, and holds up nobody.
#[test]
fn what_one_who_has_stopped_has_in_hand_is_taken_and_nobody_waits_for_it_for_ever() {
    let nodes = HeapNodes::new(1, 2, 16).unwrap();
    let directory = Directory::new(&nodes);
    reserve(directory, b"a", &|| 100, 1).unwrap();
    directory.take().unwrap();
    let counted = Cell::new(0);
    let clock = || {
        counted.set(counted.get() + 1);
        100
    };
    for calls in 1..10 {
        let answer = reserve(directory, b"b", &clock, 1);
        assert_eq!(answer, Err(NoBucket::Full));
        assert_eq!(nodes.stock().full_refusals.load(Relaxed), calls);
    }
    assert!(counted.get() < 100, "{} looks at one bucket", counted.get());
    assert!(directory.dispose(key(b"a").hash).unwrap());
    reserve(directory, b"b", &|| 100, 1).unwrap();
}

/// As many keys as buckets, which all bring in the same order at the same time. Whoever
/// finds a bucket in the hands of a thread that is kept from going on tries again.
#[test]
fn threads_that_bring_as_many_keys_as_there_are_buckets_all_have_theirs() {
    const KEYS: u8 = 4;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        let nodes = HeapNodes::new(4, KEYS.into(), 16).unwrap();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    for name in 0..KEYS {
                        loop {
                            match reserve(Directory::new(&nodes), &[name], &|| 100, 1) {
                                Ok(_) | Err(NoBucket::Refused(_)) => break,
                                Err(NoBucket::Full) => thread::yield_now(),
                                Err(why) => panic!("{why:?} for {name}"),
                            }
                        }
                    }
                });
            }
        });
        check(&nodes);
    }
}
