//! Reservations, refunds and debits: what is given back is as if it had never been taken.

use std::time::Duration;
use tidegate::{AcquireError, DebitError, Limiter, Rate, RefundError, Reservation, Timestamp};

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
    assert!(place.waiting() > Duration::ZERO && place.ready_at() > limiter.now().unwrap());
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
    assert!(limiter.now().unwrap() >= ready && permit.sleeps() >= 1);
}

#[test]
fn a_reservation_can_be_waited_for_by_who_sleeps_as_it_says_and_asks_again() {
    let limiter = limiter(Rate::new(1, Duration::from_millis(20)));
    limiter.try_acquire("").unwrap();
    let mut place = limiter.reserve("", 1, HOUR).unwrap();
    let ready = place.ready_at();
    let mut naps = 0;
    while let Some(nap) = place.next_sleep().unwrap() {
        assert!(nap <= Duration::from_millis(20));
        std::thread::sleep(nap / 2);
        naps += 1;
    }
    assert!(naps > 1 && limiter.now().unwrap() >= ready);
    assert_eq!(place.keep().sleeps(), naps);

    let mut place = limiter.reserve("", 1, HOUR).unwrap();
    limiter.pause("", 2 * HOUR).unwrap();
    assert!(place.next_sleep().unwrap().is_some());
    drop(place);
    assert_eq!(limiter.queued().unwrap(), 0);
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

/// Ten permits an hour, all taken; and room for ten thousand who wait, and as many who
/// waited: the cancelled permits must be remembered beside those that count.
fn crowded() -> Limiter {
    let limiter = Limiter::in_memory()
        .rate(Rate::new(10, HOUR))
        .queue(10_000)
        .capacity(32_768)
        .open()
        .unwrap();
    limiter.try_acquire_n("", 10).unwrap();
    limiter
}

/// How long after those first ten a place is ready.
fn distance(first: Timestamp, place: &Reservation<'_>) -> Duration {
    place.ready_at().duration_since(first)
}

fn first(limiter: &Limiter) -> Timestamp {
    limiter.peek("", 0).unwrap().unwrap()
}

fn reserve(limiter: &Limiter) -> Reservation<'_> {
    limiter.reserve("", 1, Duration::MAX).unwrap()
}

/// How long after those first ten each of so many newcomers would go; they cancel.
fn newcomers(limiter: &Limiter, count: usize, start: Timestamp) -> Vec<Duration> {
    let places: Vec<_> = (0..count).map(|_| reserve(limiter)).collect();
    places.iter().map(|place| distance(start, place)).collect()
}

#[test]
fn ten_thousand_reserve_and_9900_cancel_and_the_next_are_served_as_if_those_had_never_come() {
    let (limiter, twin) = (crowded(), crowded());
    let (start, twins_start) = (first(&limiter), first(&twin));
    // To the twin come only the hundred.
    let twins: Vec<_> = (0..100).map(|_| reserve(&twin)).collect();
    let mut places: Vec<_> = (0..10_000).map(|_| reserve(&limiter)).collect();
    let (even, odd): (Vec<_>, Vec<_>) = places
        .drain(100..)
        .enumerate()
        .partition(|(nth, _)| nth % 2 == 0);
    drop(odd);
    even.into_iter().rev().for_each(|(_, place)| place.cancel());
    let ready = |places: &[Reservation<'_>], start| -> Vec<_> {
        places.iter().map(|place| distance(start, place)).collect()
    };
    assert_eq!(ready(&places, start), ready(&twins, twins_start));
    assert_eq!(limiter.count().unwrap(), twin.count().unwrap());
    assert_eq!(limiter.queued().unwrap(), 100);
    assert_eq!(
        newcomers(&limiter, 50, start),
        newcomers(&twin, 50, twins_start)
    );
    // And if they leave as well, an empty queue is left.
    drop((places, twins));
    assert_eq!(
        newcomers(&limiter, 50, start),
        newcomers(&twin, 50, twins_start)
    );
    assert_eq!(newcomers(&limiter, 11, start)[9..], [HOUR, 2 * HOUR]);
}

#[test]
fn those_who_stay_among_ten_thousand_keep_their_times_and_newcomers_are_behind_the_last_of_them() {
    let limiter = crowded();
    let start = first(&limiter);
    let places: Vec<_> = (0..10_000).map(|_| reserve(&limiter)).collect();
    let promised: Vec<Duration> = places.iter().map(|place| distance(start, place)).collect();
    let (stayed, left): (Vec<_>, Vec<_>) = places
        .into_iter()
        .enumerate()
        .partition(|(nth, _)| nth % 100 == 57);
    drop(left);
    let mut live = Vec::new();
    for (nth, place) in &stayed {
        assert_eq!(distance(start, place), promised[*nth]);
        live.push(promised[*nth]);
    }
    // A list of those who stayed, and the two rules: not before the last, nor within an hour of
    // the tenth before.
    for come in newcomers(&limiter, 50, start) {
        let tenth = live[live.len() - 10] + HOUR;
        assert_eq!(come, tenth.max(live[live.len() - 1]));
        live.push(come);
    }
}

#[test]
fn whoever_reserves_and_cancels_all_the_time_changes_nobody_else_s_turn() {
    let (limiter, twin) = (crowded(), crowded());
    let (start, twins_start) = (first(&limiter), first(&twin));
    let (mut places, mut twins) = (Vec::new(), Vec::new());
    for round in 0..2_000 {
        for weight in 0..round % 8 {
            drop(limiter.reserve("", weight, Duration::MAX).unwrap());
        }
        match round % 7 {
            6 => drop((places.pop(), twins.pop())),
            5 if round % 2 == 0 => drop((places.remove(0), twins.remove(0))),
            _ => {
                let weight = 1 + round % 3;
                let reserve = |limiter| Limiter::reserve(limiter, "", weight, Duration::MAX);
                places.push(reserve(&limiter).unwrap());
                twins.push(reserve(&twin).unwrap());
            }
        }
        let (Some(place), Some(twins)) = (places.last(), twins.last()) else {
            continue;
        };
        let turns = (distance(start, place), distance(twins_start, twins));
        assert_eq!(turns.0, turns.1, "in round {round}");
    }
    assert_eq!(limiter.queued().unwrap(), twin.queued().unwrap());
}

#[test]
fn a_reservation_goes_to_other_threads_and_is_given_back_from_there() {
    let limiter = crowded();
    let place = reserve(&limiter);
    std::thread::scope(|threads| {
        threads.spawn(move || drop(place));
    });
    assert_eq!(limiter.queued().unwrap(), 0);
}

#[test]
fn the_heaviest_weight_and_the_longest_wait_are_answered() {
    let limiter = crowded();
    for weight in [11, u64::MAX] {
        match limiter.reserve("", weight, Duration::MAX) {
            Err(AcquireError::WeightTooLarge { weight: said, .. }) => assert_eq!(said, weight),
            other => panic!("{other:?}"),
        }
    }
    let place = limiter.reserve("", 10, Duration::MAX).unwrap();
    assert_eq!(distance(first(&limiter), &place), Duration::ZERO);
    assert!(limiter.reserve("", 1, HOUR).is_err());
    let nothing = limiter.reserve("", 0, Duration::ZERO).unwrap();
    assert_eq!(nothing.wait().unwrap().weight(), 0);
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
    assert!(matches!(
        refused,
        Err(RefundError::TooMuch { weight: 3, held: 2 })
    ));
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
    assert!(limiter.now().unwrap() >= goes_at && permit.at() < goes_at);
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
