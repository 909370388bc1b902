//! Random plans, small enough that every rule of them is met often.

use super::plan_of;
use crate::ring::Plan;
use proptest::prelude::*;

/// A plan, and the least power of two that its ring can have.
#[derive(Clone, Debug)]
pub struct Sized {
    pub plan: Plan,
    pub capacity: u64,
}

/// One to four rates, a queue, and a horizon that is met in some plans.
pub fn plans() -> impl Strategy<Value = Sized> {
    let steps = prop::collection::vec((1..=4u64, 1..=25u64), 1..=4);
    let horizon = prop_oneof![2 => Just(None), 1 => (1..=90u64).prop_map(Some)];
    (steps, 0..=6u64, horizon).prop_map(|(steps, queue, horizon)| {
        let rates: Vec<_> = steps
            .iter()
            .scan((0, 0), |sum, step| {
                *sum = (sum.0 + step.0, sum.1 + step.1);
                Some(*sum)
            })
            .collect();
        let (largest, _) = rates[rates.len() - 1];
        let capacity = (largest + queue).next_power_of_two();
        let mut plan = plan_of(&rates, queue, capacity);
        if let Some(horizon) = horizon {
            plan.horizon = horizon;
        }
        Sized { plan, capacity }
    })
}
