//! Random plans, small enough that every rule of them is met often.

use super::plan_of;
use crate::ring::{Plan, Window};
use proptest::prelude::*;

/// A plan, and the least power of two that its ring can have.
#[derive(Clone, Debug)]
pub struct Sized {
    pub plan: Plan,
    pub capacity: u64,
}

/// One to four rates, a queue, and a horizon that is met in some plans.
pub fn plans() -> impl Strategy<Value = Sized> {
    let horizon = prop_oneof![2 => Just(None), 1 => (1..=90u64).prop_map(Some)];
    (windows(), 0..=6u64, horizon).prop_map(|(windows, queue, horizon)| {
        let largest = windows[windows.len() - 1].limit;
        let capacity = (largest + queue).next_power_of_two();
        let rates: Vec<_> = windows.iter().map(|w| (w.limit, w.interval)).collect();
        let mut plan = plan_of(&rates, queue, capacity);
        if let Some(horizon) = horizon {
            plan.horizon = horizon;
        }
        Sized { plan, capacity }
    })
}

/// One to four rates.
pub fn windows() -> impl Strategy<Value = Vec<Window>> {
    let steps = prop::collection::vec((1..=4u64, 1..=25u64), 1..=4);
    steps.prop_map(|steps| {
        let sums = steps.iter().scan(Window::default(), |sum, step| {
            sum.limit += step.0;
            sum.interval += step.1;
            Some(*sum)
        });
        sums.collect()
    })
}
