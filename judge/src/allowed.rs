//! How much a perfect limiter could have granted: the measure of utilisation.

use crate::Rate;

/// The most permits that any schedule can grant under all `rates` at once, in a
/// closed span of `span` microseconds that nothing was granted before. `None`
/// without a rate, as then there is no limit.
///
/// It plays the schedule that grants everything as early as it may. That is the
/// best one: its n-th permit comes at the latest of `t(n - limit) + interval` over
/// the rates, and by induction over n no schedule has an earlier one. Time and
/// memory go with the number of bursts, about span / shortest interval or
/// a small multiple of it, whatever the limits are.
pub fn allowed(rates: &[Rate], span: u64) -> Option<u128> {
    /// A rate's window over the bursts: the oldest inside, and what is left.
    struct Open {
        interval: u64,
        oldest: usize,
        left: u64,
    }
    let mut windows: Vec<Open> = rates
        .iter()
        .map(|rate| Open {
            interval: rate.interval(),
            oldest: 0,
            left: rate.limit(),
        })
        .collect();

    let mut bursts: Vec<(u64, u64)> = Vec::new();
    let mut total: u128 = 0;
    let mut now: u64 = 0;
    loop {
        let weight = windows.iter().map(|w| w.left).min()?;
        if weight > 0 {
            bursts.push((now, weight));
            total += u128::from(weight);
            windows.iter_mut().for_each(|w| w.left -= weight);
        }
        // The next instant at which a burst leaves a window.
        let next = windows
            .iter()
            .filter_map(|w| bursts.get(w.oldest)?.0.checked_add(w.interval))
            .min();
        match next {
            Some(next) if next <= span => now = next,
            _ => return Some(total),
        }
        for window in &mut windows {
            while let Some(&(at, weight)) = bursts.get(window.oldest)
                && now - at >= window.interval
            {
                window.left += weight;
                window.oldest += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn rate(limit: u64, interval: u64) -> Rate {
        Rate::new(limit, Duration::from_micros(interval))
    }

    /// Permit by permit, each as early as every rate lets it.
    fn naive(rates: &[Rate], span: u64) -> u128 {
        let mut at: Vec<u64> = Vec::new();
        loop {
            let n = at.len();
            let due = rates
                .iter()
                .map(|r| match n.checked_sub(r.limit() as usize) {
                    Some(earlier) => at[earlier] + r.interval(),
                    None => 0,
                });
            match due.max() {
                Some(due) if due <= span => at.push(due),
                _ => return n as u128,
            }
        }
    }

    proptest! {
        #[test]
        fn bursts_grant_as_much_as_single_permits(
            rates in prop::collection::vec((1_u64..9, 1_u64..40), 1..4),
            span in 0_u64..200,
        ) {
            let rates: Vec<Rate> = rates.into_iter().map(|(l, i)| rate(l, i)).collect();
            prop_assert_eq!(allowed(&rates, span), Some(naive(&rates, span)));
        }
    }

    #[test]
    fn a_span_of_one_interval_has_room_for_the_limit_twice() {
        assert_eq!(allowed(&[rate(5, 100)], 99), Some(5));
        assert_eq!(allowed(&[rate(5, 100)], 100), Some(10));
    }

    #[test]
    fn no_rate_is_no_limit_and_a_limit_of_zero_allows_nothing() {
        assert_eq!(allowed(&[], 100), None);
        assert_eq!(allowed(&[rate(0, 1), rate(5, 100)], 1000), Some(0));
    }
}
