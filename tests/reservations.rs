//! Reservations, refunds and debits: what is given back is as if it had never been taken.

use std::time::Duration;
use tidegate::{AcquireError, DebitError, Limiter, Rate, RefundError};

const HOUR: Duration = Duration::from_secs(3600);

fn limiter(rate: Rate) -> Limiter {
    Limiter::in_memory().rate(rate).open().unwrap()
}

fn hourly(limit: u64) -> Limiter {
    limiter(Rate::new(limit, HOUR))
}

#[test]
fn a_reservation_that_is_dropped_or_cancelled_gives_its_place_back() {
    let limiter = hourly(2);
    drop(limiter.reserve("", 2, Duration::ZERO).unwrap());
    limiter.reserve("", 2, Duration::ZERO).unwrap().cancel();
    limiter.try_acquire_n("", 2).unwrap();
    let place = limiter.reserve("", 1, 2 * HOUR).unwrap();
    assert!(place.waiting() > Duration::ZERO && place.ready_at() > limiter.now());
    assert_eq!(limiter.queued().unwrap(), 1);
    drop(place);
    assert_eq!(limiter.queued().unwrap(), 0);
}

#[test]
fn a_reservation_that_is_kept_or_waited_for_stays_taken() {
    let limiter = hourly(3);
    let kept = limiter.reserve("", 1, Duration::ZERO).unwrap().keep();
    let waited = limiter.reserve("", 1, Duration::ZERO).unwrap();
    let waited = waited.wait().unwrap();
    assert_eq!((kept.weight(), waited.weight(), waited.sleeps()), (1, 1, 0));
    assert_eq!(limiter.count().unwrap(), 2);
}

#[test]
fn a_reservation_is_waited_for_in_one_sleep_until_it_is_ready() {
    let limiter = limiter(Rate::new(1, Duration::from_millis(20)));
    limiter.try_acquire("").unwrap();
    let place = limiter.reserve("", 1, HOUR).unwrap();
    let ready = place.ready_at();
    let permit = place.wait().unwrap();
    assert!(limiter.now() >= ready && permit.sleeps() >= 1);
}

#[test]
fn a_wait_of_decades_is_no_longer_than_the_horizon_and_one_of_nothing_takes_nothing() {
    let limiter = hourly(1);
    limiter.try_acquire("").unwrap();
    let refused = limiter.reserve("", 1, Duration::ZERO).map(drop);
    assert!(matches!(refused, Err(AcquireError::Limited { .. })));
    assert_eq!(limiter.queued().unwrap(), 0);
    let far = limiter.reserve("", 1, Duration::MAX).unwrap();
    assert!(far.waiting() <= HOUR);
}

#[test]
fn ten_thousand_that_reserve_and_cancel_leave_the_next_as_if_they_had_never_come() {
    let limiter = Limiter::in_memory()
        .rate(Rate::new(10, HOUR))
        .queue(20_000)
        .capacity(65_536)
        .open()
        .unwrap();
    let places: Vec<_> = (0..10_000)
        .map(|_| limiter.reserve("", 1, Duration::MAX))
        .collect();
    let mut kept = 0;
    for (nth, place) in places.into_iter().flatten().enumerate() {
        if nth % 100 == 99 {
            // Whoever is left keeps the time that it was given.
            kept += place.keep().weight();
        }
    }
    assert_eq!(kept, limiter.count().unwrap());
    let fresh = hourly(10);
    drop(fresh.reserve("", 10, Duration::ZERO).unwrap());
    assert_eq!(fresh.waiting("", 10).unwrap(), Duration::ZERO);
}

#[test]
fn what_is_refunded_is_free_again_and_the_rest_is_not() {
    let limiter = hourly(10);
    let mut permit = limiter.try_acquire_n("", 8).unwrap();
    permit.refund_n(3).unwrap();
    assert_eq!(permit.weight(), 5);
    assert!(limiter.try_acquire_n("", 6).is_err());
    limiter.try_acquire_n("", 5).unwrap();
    assert_eq!(limiter.count().unwrap(), 10);
}

#[test]
fn a_refund_of_more_than_was_taken_is_refused_and_gives_nothing_back() {
    let limiter = hourly(5);
    let mut permit = limiter.try_acquire_n("", 3).unwrap();
    permit.refund_n(1).unwrap();
    let refused = permit.refund_n(3);
    assert_eq!(refused, Err(RefundError { weight: 3, held: 2 }));
    assert_eq!(limiter.count().unwrap(), 2);
    permit.refund();
    assert_eq!(limiter.count().unwrap(), 0);
}

#[test]
fn a_refund_for_a_key_that_was_disposed_of_touches_nobody_else() {
    let limiter = Limiter::in_memory()
        .rate(Rate::new(2, HOUR))
        .keys(1)
        .open()
        .unwrap();
    let permit = limiter.try_acquire_n("a", 2).unwrap();
    assert!(limiter.dispose("a").unwrap());
    limiter.try_acquire_n("b", 2).unwrap();
    permit.refund();
    assert!(limiter.try_acquire("b").is_err());
}

#[test]
fn a_debit_beyond_the_limit_is_paid_by_those_who_come_later() {
    let limiter = hourly(10);
    let owed = limiter.debit("", 25).unwrap();
    // Two hours later the last five are in the books.
    assert!(owed > HOUR && owed <= 2 * HOUR, "{owed:?}");
    let Err(AcquireError::Limited { retry_after, .. }) = limiter.try_acquire_n("", 6) else {
        panic!("nothing is free")
    };
    assert!(retry_after > 2 * HOUR);
    assert_eq!(limiter.debit("", 0).unwrap(), Duration::ZERO);
}

#[test]
fn a_debit_that_the_queue_cannot_hold_says_how_much_it_charged() {
    let limiter = Limiter::in_memory()
        .rate(Rate::new(2, HOUR))
        .queue(6)
        .open()
        .unwrap();
    match limiter.debit("", u64::MAX) {
        Err(DebitError::TooMuch {
            weight: u64::MAX,
            most: 8,
        }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(limiter.count().unwrap(), 0);
    limiter.debit("", 3).unwrap();
    match limiter.debit("", 8) {
        Err(DebitError::Partly {
            weight: 8,
            charged,
            error: AcquireError::QueueFull { .. },
        }) => {
            assert_eq!(limiter.count().unwrap(), 3 + charged);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dry_run_lets_everything_pass_and_counts_what_it_would_have_refused() {
    let open = |dry: bool| {
        let builder = Limiter::in_memory().rate(Rate::new(2, HOUR)).keys(1);
        if dry { builder.dry_run() } else { builder }
            .open()
            .unwrap()
    };
    let (dry, wet) = (open(true), open(false));
    let ask = |limiter: &Limiter| {
        [
            limiter.try_acquire("a").map(drop),
            limiter.try_acquire_n("a", 2).map(drop),
            limiter.acquire_timeout("a", 1, Duration::ZERO).map(drop),
            limiter.try_acquire_n("a", 3).map(drop),
            limiter.try_acquire("b").map(drop),
            limiter.bucket("a").try_acquire().map(drop),
            limiter.reserve("a", 1, Duration::ZERO).map(drop),
        ]
    };
    assert!(ask(&dry).iter().all(Result::is_ok));
    let refused = ask(&wet).iter().filter(|answer| answer.is_err()).count();
    assert_eq!(dry.would_have_refused(), refused as u64);
    assert_eq!(wet.would_have_refused(), 0);
    assert_eq!(dry.count().unwrap(), wet.count().unwrap());
    assert_eq!(dry.try_acquire_n("a", 2).unwrap().weight(), 0);
    // Nothing is waited for.
    dry.acquire("a").unwrap();
}

#[test]
fn a_buffer_is_waited_for_beyond_the_turn_but_only_by_those_who_wait() {
    let limiter = Limiter::in_memory()
        .rate(Rate::new(1, Duration::from_millis(10)))
        .buffer(Duration::from_millis(15))
        // However late a busy machine wakes it.
        .lateness(HOUR)
        .open()
        .unwrap();
    let first = limiter.reserve("", 1, HOUR).unwrap();
    assert_eq!(first.waiting(), Duration::ZERO);
    let first = first.keep();
    let place = limiter.reserve("", 1, HOUR).unwrap();
    let goes_at = place.ready_at();
    assert!(goes_at.duration_since(first.at()) >= Duration::from_millis(25));
    let permit = place.wait().unwrap();
    assert!(limiter.now() >= goes_at && permit.at() < goes_at);
}

#[test]
fn usage_tells_what_is_left_and_when_there_is_more() {
    let limiter = Limiter::in_memory()
        .rates([Rate::new(2, HOUR), Rate::new(3, 2 * HOUR)])
        .open()
        .unwrap();
    let unused = limiter.usage("").unwrap();
    assert!(
        unused
            .iter()
            .all(|usage| usage.used == 0 && usage.resets_in.is_zero())
    );
    limiter.try_acquire_n("", 2).unwrap();
    let usage = limiter.usage("").unwrap();
    let left: Vec<u64> = usage.iter().map(|usage| usage.remaining()).collect();
    assert_eq!(left, [0, 1]);
    assert!(usage[0].resets_in <= HOUR && usage[1].resets_in > HOUR);
}
