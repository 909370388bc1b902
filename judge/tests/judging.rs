//! What the judge must condemn, and what it must not.

use std::time::Duration;

use proptest::prelude::*;
use tidegate_judge::{Breach, Grant, Rate, judge};

fn rate(limit: u64, interval: u64) -> Rate {
    Rate::new(limit, Duration::from_micros(interval))
}

fn grant(at: u64, weight: u64) -> Grant {
    Grant {
        before: at.saturating_sub(1),
        at,
        after: at + 1,
        weight,
        worker: 0,
        sleeps: 0,
    }
}

/// For each grant, all grants in the window that it opens.
fn naive_holds(grants: &[Grant], rates: &[Rate]) -> bool {
    rates.iter().all(|rate| {
        grants.iter().all(|first| {
            let inside = grants
                .iter()
                .filter(|g| g.at >= first.at && g.at < first.at + rate.interval());
            inside.map(|g| g.weight).sum::<u64>() <= rate.limit()
        })
    })
}

fn logs() -> impl Strategy<Value = Vec<Grant>> {
    let grants = prop::collection::vec((0_u64..300, 0_u64..4), 1..80);
    grants.prop_map(|grants| {
        grants
            .into_iter()
            .map(|(at, weight)| grant(at, weight))
            .collect()
    })
}

proptest! {
    #[test]
    fn the_verdict_is_that_of_the_naive_check(
        grants in logs(),
        rates in prop::collection::vec((0_u64..40, 1_u64..200), 1..4),
    ) {
        let rates: Vec<Rate> = rates.into_iter().map(|(l, i)| rate(l, i)).collect();
        prop_assert_eq!(judge(&grants, &rates).holds(), naive_holds(&grants, &rates));
    }

    #[test]
    fn one_grant_too_many_in_a_full_window_is_condemned(
        mut grants in logs(),
        interval in 1_u64..200,
        place in any::<prop::sample::Index>(),
    ) {
        let worst = judge(&grants, &[rate(0, interval)]).rates[0].worst.unwrap();
        let full = rate(worst.weight as u64, interval);
        prop_assert!(judge(&grants, &[full]).holds());

        let at = worst.start + place.index(interval as usize) as u64;
        grants.push(grant(at, 1));
        let verdict = judge(&grants, &[full]);
        prop_assert!(!verdict.holds());
        prop_assert!(verdict.rates[0].peak() > worst.weight);
    }

    #[test]
    fn the_order_of_the_log_does_not_matter(grants in logs(), limit in 0_u64..40) {
        let rates = [rate(limit, 50)];
        let mut reversed = grants.clone();
        reversed.reverse();
        prop_assert_eq!(judge(&grants, &rates).rates, judge(&reversed, &rates).rates);
    }
}

#[test]
fn grants_one_interval_apart_are_not_in_one_window() {
    let rates = [rate(1, 1000)];
    assert!(judge(&[grant(5, 1), grant(1005, 1)], &rates).holds());
    assert!(!judge(&[grant(5, 1), grant(1004, 1)], &rates).holds());
}

#[test]
fn each_rate_is_judged_by_itself() {
    let grants = [grant(0, 2), grant(10, 2), grant(500, 2)];
    let rates = [rate(4, 100), rate(5, 1000)];
    let verdict = judge(&grants, &rates);
    assert_eq!(
        verdict
            .rates
            .iter()
            .map(|r| (r.holds(), r.peak()))
            .collect::<Vec<_>>(),
        [(true, 4), (false, 6)]
    );
}

#[test]
fn a_breach_names_the_rate_and_the_window() {
    let verdict = judge(&[grant(2_000_000, 3), grant(2_000_250, 4)], &[rate(6, 500)]);
    assert_eq!(
        verdict.breaches()[0].to_string(),
        "7 granted in [2.000000 s, 2.000500 s), where 6 per 500µs is the limit"
    );
}

#[test]
fn a_grant_outside_its_call_is_condemned() {
    let inside = Grant {
        before: 7,
        after: 7,
        ..grant(7, 1)
    };
    let early = Grant {
        before: 8,
        ..grant(7, 1)
    };
    let late = Grant {
        after: 6,
        ..grant(7, 1)
    };
    assert!(judge(&[inside], &[]).holds());
    for outside in [early, late] {
        let verdict = judge(&[inside, outside], &[]);
        let breach = Breach::Disordered {
            count: 1,
            first: outside,
        };
        assert_eq!(verdict.breaches(), [breach]);
    }
}

#[test]
fn weights_that_would_wrap_are_condemned() {
    let grants = [grant(0, u64::MAX), grant(1, 2)];
    assert!(!judge(&grants, &[rate(5, 100)]).holds());
}

#[test]
fn shares_and_sleeps_are_counted_per_worker_and_in_all() {
    let by = |worker, weight, sleeps| Grant {
        worker,
        sleeps,
        ..grant(0, weight)
    };
    let verdict = judge(&[by(1, 3, 0), by(1, 3, 2), by(4, 2, 1)], &[]);
    assert_eq!(verdict.total.weight, 8);
    assert_eq!((verdict.total.slept, verdict.total.sleeps), (2, 3));
    assert_eq!(verdict.total.sleeps_per_grant(), 1.0);
    assert_eq!(verdict.workers[&1].share_of(&verdict.total), 0.75);
    assert_eq!(verdict.workers[&4].sleeps_per_grant(), 1.0);
    assert_eq!(verdict.workers.len(), 2);
}

#[test]
fn a_log_that_takes_all_it_may_is_fully_utilised() {
    let rates = [rate(2, 100), rate(5, 1000)];
    let grants = [0, 0, 100, 100, 200, 1000, 1000].map(|at| grant(at, 1));
    let verdict = judge(&grants, &rates);
    assert!(verdict.holds(), "{verdict}");
    assert_eq!(verdict.utilisation(), Some(1.0));

    let lazy = judge(&grants[..6], &rates);
    assert_eq!(lazy.utilisation(), Some(6.0 / 7.0));
}

#[test]
fn an_empty_log_breaks_nothing_and_has_no_utilisation() {
    let verdict = judge(&[], &[rate(1, 1)]);
    assert!(verdict.holds());
    assert_eq!((verdict.span, verdict.utilisation()), (None, None));
}
