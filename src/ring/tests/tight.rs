//! More cancelled permits than the ring has room to remember beside the live ones.
//! It may refuse then what a list would grant, never the other way round.

use super::against_model::{Op, act, ops};
use super::pair::Pair;
use super::plan_of;
use super::plans::{Sized, plans};
use crate::ring::Refusal;
use proptest::prelude::*;

/// Live permits that have been pushed out of the ring count as granted by now: no
/// turn is later than one widest interval because of that.
fn reserve(pair: &mut Pair, weight: u64, max_wait: u64) {
    let now = pair.now.get();
    let model = pair.model.clone();
    let (real, ideal) = pair.reserve(weight, max_wait);
    if let (Err(real), Err(ideal @ Refusal::TooHeavy)) = (real, ideal) {
        return assert_eq!(real, ideal);
    }
    let turn = model.turn(now, weight).ready;
    let latest = turn.max(now + 1 + pair.plan.widest_interval());
    match real {
        Ok(run) => assert!((turn..=latest).contains(&run.ready)),
        Err(Refusal::Limited { ready, .. }) => {
            assert!((turn..=latest).contains(&ready));
            assert!(ready - now > max_wait.min(pair.plan.horizon));
        }
        Err(Refusal::QueueFull { .. }) => {
            let end = model.next + weight - pair.ring().capacity();
            let mut unready = model
                .permits
                .iter()
                .filter(|p| !p.void && p.stamp > now + 1);
            let overwrites = unready.any(|p| p.seq < end);
            assert!(overwrites || model.unready(now) + weight > pair.plan.queue);
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Much is taken and returned within one interval.
fn hasty_ops() -> impl Strategy<Value = Op> {
    let take =
        (1..=20u64, 0..=30u64).prop_map(|(weight, max_wait)| Op::Reserve { weight, max_wait });
    prop_oneof![
        2 => take,
        2 => any::<usize>().prop_map(Op::Cancel),
        1 => ops(),
    ]
}

proptest! {
    #[test]
    fn a_ring_full_of_voids_errs_on_the_refusing_side_and_by_one_interval_at_most(
        Sized { mut plan, .. } in plans(),
        queue in 0..=3u64,
        ops in prop::collection::vec(hasty_ops(), 1..120),
    ) {
        // No slot more than there must be.
        let limit = plan.windows()[plan.windows().len() - 1].limit;
        let capacity = limit.next_power_of_two();
        plan.queue = queue.min(capacity - limit);
        let mut pair = Pair::new(plan, capacity);
        for op in &ops {
            match *op {
                Op::Reserve { weight, max_wait } => {
                    let weight = weight % (pair.plan.smallest_limit() + 2);
                    if weight > 0 {
                        reserve(&mut pair, weight, max_wait);
                    }
                }
                Op::Debit(weight) => {
                    let part = weight.min(pair.plan.smallest_limit());
                    reserve(&mut pair, part, u64::MAX);
                }
                // Others might leave slots to spare.
                Op::Look | Op::SetRates(_) => {}
                _ => act(&mut pair, op, |_| u64::MAX),
            }
        }
        pair.judge();
    }
}

#[test]
fn a_live_permit_that_voids_pushed_out_counts_as_granted_by_now() {
    let mut pair = Pair::new(plan_of(&[(2, 100)], 0, 2), 2);
    pair.take(1, 0);
    pair.take(1, 0);
    pair.cancel(1);
    // Over the first one's slot.
    pair.take(1, 0);
    let limited = Refusal::Limited {
        now: 1000,
        ready: 1101,
        window: 0,
    };
    assert_eq!(pair.reserve(1, 0).0, Err(limited));
}

#[test]
fn a_live_permit_behind_voids_that_were_to_come_later_counts_as_granted_by_now() {
    let mut pair = Pair::new(plan_of(&[(1, 100)], 1, 2), 2);
    pair.take(1, 0);
    for _ in 0..2 {
        assert_eq!(pair.take(1, 100 + 1), 1101);
        pair.cancel(1);
    }
    // Both slots tell of 1101, which is no bound for what was before.
    let limited = Refusal::Limited {
        now: 1000,
        ready: 1101,
        window: 0,
    };
    assert_eq!(pair.reserve(1, 0).0, Err(limited));
}

#[test]
fn nobody_overtakes_a_waiter_that_voids_left_alone_in_the_ring() {
    let mut pair = Pair::new(plan_of(&[(2, 100)], 4, 8), 8);
    pair.take(2, 0);
    for ready in [1101, 1101, 1201, 1201] {
        assert_eq!(pair.take(1, u64::MAX), ready);
    }
    // All who wait, but the last of them.
    for nth in [1, 2, 2] {
        pair.cancel(nth);
    }
    // Over the slots of those two that were granted.
    for _ in 0..4 {
        pair.take(1, u64::MAX);
        pair.cancel(2);
    }
    let limited = Refusal::Limited {
        now: 1000,
        ready: 1201,
        window: 0,
    };
    assert_eq!(pair.reserve(1, 0).0, Err(limited));
}
