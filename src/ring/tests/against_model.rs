//! One caller at a time, in a ring that is large enough: whatever is asked, in whatever
//! order and at whatever time, the ring answers as the model does, to the tick.

use super::pair::{Pair, spare};
use super::plans::{Sized, plans, windows};
use crate::ring::{Refusal, Run, Window};
use proptest::prelude::*;

/// What a caller may do. Numbers are taken modulo what is there.
#[derive(Clone, Debug)]
pub enum Op {
    Advance(u64),
    Reserve { weight: u64, max_wait: u64 },
    Debit(u64),
    Cancel(usize),
    Refund { nth: usize, weight: u64 },
    SetRates(Vec<Window>),
    Leak,
    Flush,
    Pause { all: bool, ahead: u64 },
    Resume { all: bool },
    Look,
}

pub fn ops() -> impl Strategy<Value = Op> {
    let advance = prop_oneof![4 => 0..=6u64, 2 => 7..=40u64, 1 => 41..=300u64];
    let max_wait = prop_oneof![3 => Just(0), 3 => 1..=30u64, 2 => 31..=400u64, 2 => Just(u64::MAX)];
    prop_oneof![
        10 => (0..=20u64, max_wait).prop_map(|(weight, max_wait)| Op::Reserve { weight, max_wait }),
        6 => advance.prop_map(Op::Advance),
        1 => (1..=30u64).prop_map(Op::Debit),
        3 => any::<usize>().prop_map(Op::Cancel),
        2 => (any::<usize>(), 0..=5u64).prop_map(|(nth, weight)| Op::Refund { nth, weight }),
        1 => windows().prop_map(Op::SetRates),
        1 => Just(Op::Leak),
        1 => Just(Op::Flush),
        1 => (any::<bool>(), 0..=60u64).prop_map(|(all, ahead)| Op::Pause { all, ahead }),
        1 => any::<bool>().prop_map(|all| Op::Resume { all }),
        3 => Just(Op::Look),
    ]
}

/// Does it to both; cancels only as long as no more voids are left than `voids` says of the
/// pair: a ring can hold so many beside what it must remember.
pub fn act(pair: &mut Pair, op: &Op, voids: impl Fn(&Pair) -> u64) {
    let may_void = |pair: &Pair, weight| pair.voids() + weight <= voids(pair);
    match *op {
        Op::Advance(ticks) => pair.advance(ticks),
        Op::Reserve { weight, max_wait } => {
            // Now and then too heavy by one.
            let weight = weight % (pair.plan.smallest_limit() + 2);
            reserve(pair, weight, max_wait);
        }
        Op::Debit(mut weight) => {
            // In parts, as a limiter does.
            while weight > 0 {
                let part = weight.min(pair.plan.smallest_limit());
                if !reserve(pair, part, u64::MAX) {
                    break;
                }
                weight -= part;
            }
        }
        Op::Cancel(nth) => {
            // As heavy as the heaviest run under any rates.
            if may_void(pair, heaviest(pair)) {
                pair.cancel(nth);
            }
        }
        Op::Refund { nth, weight } => {
            if may_void(pair, weight) {
                pair.refund(nth, weight);
            }
        }
        Op::SetRates(ref windows) => pair.set_rates(windows),
        Op::Leak => pair.leak(),
        Op::Flush => pair.flush(),
        Op::Pause { all, ahead } => {
            if all || may_void(pair, 1) {
                pair.pause(all, pair.now.get() + ahead);
            }
        }
        Op::Resume { all } => pair.resume(all),
        Op::Look => pair.look(),
    }
}

/// Whether it was granted, by both.
fn reserve(pair: &mut Pair, weight: u64, max_wait: u64) -> bool {
    let (real, ideal) = pair.reserve(weight, max_wait);
    match (real, ideal) {
        (Ok(Run { ready, .. }), Ok(grant)) => assert_eq!(ready, grant.ready),
        (Err(real), Err(ideal)) => assert_same_refusal(pair, real, ideal, weight),
        (real, ideal) => panic!("{real:?} is not {ideal:?}"),
    }
    real.is_ok()
}

fn heaviest(pair: &Pair) -> u64 {
    pair.runs.iter().map(|run| run.weight).max().unwrap_or(0)
}

/// The same kind, tick and window; but where no window holds the request back, the
/// ring may name any.
fn assert_same_refusal(pair: &Pair, real: Refusal, ideal: Refusal, weight: u64) {
    if let Refusal::Limited { now, ready, .. } = real {
        let turn = pair.model.turn(now, weight);
        if turn.window.is_none() {
            assert!(
                matches!(ideal, Refusal::Limited { now: n, ready: r, .. } if (n, r) == (now, ready))
            );
            return;
        }
    }
    assert_eq!(real, ideal);
}

proptest! {
    #[test]
    fn every_answer_is_that_of_a_plain_list_of_permits(
        Sized { plan, capacity } in plans(),
        slack in 0..=3u32,
        ops in prop::collection::vec(ops(), 1..120),
    ) {
        let capacity = capacity << slack;
        let mut pair = Pair::new(plan, capacity);
        for op in &ops {
            act(&mut pair, op, |pair| spare(&pair.plan, capacity));
        }
        pair.look();
        pair.judge();
    }
}
