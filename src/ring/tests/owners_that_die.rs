//! Owners that die, or sleep, between the swap of head and their last stamp.

use super::against_model::{Op, act, ops};
use super::pair::{Pair, spare};
use super::plan_of;
use super::plans::{Sized, plans};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Deed {
    Op(Op),
    Die {
        weight: u64,
        max_wait: u64,
        stamped: u64,
    },
}

fn deeds() -> impl Strategy<Value = Deed> {
    let max_wait = prop_oneof![Just(0), 1..=60u64];
    prop_oneof![
        4 => ops().prop_map(Deed::Op),
        1 => (1..=20u64, max_wait, 0..=3u64).prop_map(|(weight, max_wait, stamped)| {
            Deed::Die { weight, max_wait, stamped }
        }),
    ]
}

proptest! {
    /// The next caller stamps the dead one's run as the rules say, at its own time.
    /// So the dead one's permits are lost for one interval from there, and no others
    /// are: all later answers are those of the model.
    #[test]
    fn whoever_comes_next_finishes_the_run_of_a_dead_owner(
        Sized { plan, capacity } in plans(),
        slack in 0..=2u32,
        deeds in prop::collection::vec(deeds(), 1..100),
    ) {
        let capacity = capacity << slack;
        // A helper sees one permit less than an owner.
        let room = |pair: &Pair| spare(&pair.plan, capacity).saturating_sub(1);
        let mut pair = Pair::new(plan, capacity);
        for deed in deeds {
            match deed {
                Deed::Op(op) => act(&mut pair, &op, room),
                Deed::Die { weight, max_wait, stamped } => {
                    let weight = 1 + weight % pair.plan.smallest_limit();
                    pair.die(weight, max_wait, stamped);
                }
            }
        }
        pair.look();
        pair.judge();
    }
}

#[test]
fn a_dead_owners_run_is_not_put_before_those_who_waited_before_it() {
    // Who waits does so for a pause that has ended: no window says how long.
    let mut pair = Pair::new(plan_of(&[(5, 10)], 5, 16), 16);
    pair.pause(false, 1100);
    pair.take(1, u64::MAX);
    pair.resume(false);
    pair.die(2, u64::MAX, 0);
    pair.look();
    let (ring, plan) = (pair.ring(), &pair.plan);
    for nth in 0..3 {
        assert_eq!(ring.peek(plan, &pair.clock(), nth), Ok(Some(1100)));
    }
}
