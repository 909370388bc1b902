//! The worst window of a log: the one question that must be answered exactly.

/// A half-open window `[start, start + interval)` and what was granted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The instant of the first grant in it, in microseconds.
    pub start: u64,
    /// Permits granted in it.
    pub weight: u128,
    /// Grants in it.
    pub grants: usize,
}

/// The half-open window of `interval` with the largest sum of weights, the first
/// of them if several are equal. `None` if there are no grants.
///
/// `grants` are (instant, weight), by ascending instant. Only windows that start
/// at a grant are looked at: any other can be moved right to the first grant in
/// it, and loses nothing by that.
pub(crate) fn worst(grants: &[(u64, u64)], interval: u64) -> Option<Window> {
    let mut worst: Option<Window> = None;
    let mut end = 0;
    let mut weight: u128 = 0;
    for (first, &(start, first_weight)) in grants.iter().enumerate() {
        // The difference, not `start + interval`, which may overflow.
        while end < grants.len() && grants[end].0 - start < interval {
            weight += u128::from(grants[end].1);
            end += 1;
        }
        if worst.is_none_or(|w| weight > w.weight) {
            worst = Some(Window {
                start,
                weight,
                grants: end - first,
            });
        }
        weight -= u128::from(first_weight);
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The sum in every window that starts at any microsecond at all.
    fn naive(grants: &[(u64, u64)], interval: u64) -> u128 {
        let end = grants.iter().map(|g| g.0).max().unwrap_or(0);
        (0..=end)
            .map(|start| {
                let inside = grants
                    .iter()
                    .filter(|g| g.0 >= start && g.0 < start + interval);
                inside.map(|g| u128::from(g.1)).sum()
            })
            .max()
            .unwrap_or(0)
    }

    proptest! {
        #[test]
        fn the_sweep_agrees_with_looking_at_every_window(
            mut grants in prop::collection::vec((0_u64..120, 0_u64..4), 1..60),
            interval in 1_u64..140,
        ) {
            grants.sort();
            let found = worst(&grants, interval).unwrap();
            prop_assert_eq!(found.weight, naive(&grants, interval));
            // What it says of the place is true, and no earlier window is as bad.
            let inside = |start: u64| {
                let inside = grants.iter().filter(move |g| g.0 >= start && g.0 < start + interval);
                (inside.clone().map(|g| u128::from(g.1)).sum::<u128>(), inside.count())
            };
            prop_assert_eq!(inside(found.start), (found.weight, found.grants));
            for &(earlier, _) in grants.iter().filter(|g| g.0 < found.start) {
                prop_assert!(inside(earlier).0 < found.weight);
            }
        }
    }

    #[test]
    fn a_window_ends_just_before_its_interval_is_over() {
        let weight = |gap: u64| worst(&[(7, 2), (7 + gap, 3)], 100).unwrap().weight;
        assert_eq!([98, 99, 100, 101].map(weight), [5, 5, 3, 3]);
    }

    #[test]
    fn instants_and_weights_at_the_end_of_their_range_do_not_overflow() {
        let grants = [
            (0, u64::MAX),
            (u64::MAX - 1, u64::MAX),
            (u64::MAX, u64::MAX),
        ];
        let found = worst(&grants, u64::MAX).unwrap();
        assert_eq!((found.start, found.weight), (0, 2 * u128::from(u64::MAX)));
    }

    #[test]
    fn no_grants_have_no_worst_window() {
        assert_eq!(worst(&[], 100), None);
    }
}
