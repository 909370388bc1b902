//! Which rates may stand together: the checks of PyrateLimiter's
//! `validate_rate_list`, with an error that says which rates clash and why.
//!
//! In a list that passes, each rate has a longer interval than the one before
//! it and allows more permits, but not more permits per time.

use std::time::Duration;

use super::{DAY, Rate, interval_ticks};

pub use crate::ring::{MAX_LIMIT, MAX_RATES};

/// The longest interval of a rate: 1826 days, five years with a leap day.
pub const MAX_INTERVAL: Duration = Duration::from_micros(crate::ring::MAX_INTERVAL);

/// A list of rates that cannot be enforced as written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// There is no rate at all.
    #[error("the list of rates is empty: give at least one, as in 10/s")]
    Empty,
    /// There are more than [`MAX_RATES`].
    #[error("{count} rates are too many: give at most {MAX_RATES}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// The limit is zero, so that nothing could ever be granted.
    #[error("the rate {rate} grants nothing: its limit must be at least 1")]
    LimitZero {
        /// The rate.
        rate: Rate,
    },
    /// The limit is above [`MAX_LIMIT`].
    #[error("the limit of the rate {rate} is too large: it may be at most {MAX_LIMIT}")]
    LimitTooLarge {
        /// The rate.
        rate: Rate,
    },
    /// The interval is zero, so that nothing would ever be refused.
    #[error("the interval of the rate {rate} is zero: it must be at least 1us")]
    IntervalZero {
        /// The rate.
        rate: Rate,
    },
    /// The interval is longer than [`MAX_INTERVAL`].
    #[error(
        "the interval of the rate {rate} is too long: it may be at most {} days",
        MAX_INTERVAL.as_secs() / DAY.as_secs()
    )]
    IntervalTooLong {
        /// The rate.
        rate: Rate,
    },
    /// Two rates have the same interval, in whole microseconds.
    #[error("the rates {first} and {second} have the same interval: drop one of them")]
    SameInterval {
        /// The rate that stands first.
        first: Rate,
        /// The rate after it.
        second: Rate,
    },
    /// A longer interval stands before a shorter one.
    #[error(
        "the rates {first} and {second} are out of order: sort them by interval, the shortest first"
    )]
    OutOfOrder {
        /// The rate that stands first.
        first: Rate,
        /// The rate after it.
        second: Rate,
    },
    /// The rate with the shorter interval allows at least as many permits as
    /// the one with the longer interval, so that it has no effect.
    #[error(
        "beside {second} the rate {first} never refuses anything: drop {first}, or make its limit the smaller one"
    )]
    ShorterHasNoEffect {
        /// The rate with the shorter interval.
        first: Rate,
        /// The rate with the longer interval.
        second: Rate,
    },
    /// The rate with the longer interval allows more permits per time than the
    /// one with the shorter interval.
    #[error(
        "beside {first} the rate {second} is too fast, for its interval is longer: drop {second}, or lower its limit"
    )]
    LongerIsFaster {
        /// The rate with the shorter interval.
        first: Rate,
        /// The rate with the longer interval.
        second: Rate,
    },
}

/// Checks that `rates` can be enforced together.
///
/// There must be 1 to [`MAX_RATES`] of them, each with a limit of 1 to
/// [`MAX_LIMIT`] permits and an interval above zero and up to [`MAX_INTERVAL`].
/// From each to the next the interval must rise, the limit must rise, and limit
/// per interval must not rise. Intervals are compared as they are enforced: in
/// microseconds, rounded up.
///
/// # Errors
///
/// A [`RateError`] for the first thing that is wrong: the number of rates, then
/// each rate by itself, then each with the next.
///
/// ```
/// use tidegate::{Rate, validate};
///
/// assert!(validate(&[Rate::per_second(10), Rate::per_hour(500)]).is_ok());
///
/// let error = validate(&[Rate::per_second(10), Rate::per_minute(1_000)]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "beside 10/s the rate 1000/m is too fast, for its interval is longer: drop 1000/m, or lower its limit",
/// );
/// ```
pub fn validate(rates: &[Rate]) -> Result<(), RateError> {
    match rates.len() {
        0 => return Err(RateError::Empty),
        1..=MAX_RATES => {}
        count => return Err(RateError::TooMany { count }),
    }
    rates.iter().try_for_each(|rate| check_alone(*rate))?;
    rates
        .windows(2)
        .try_for_each(|pair| check_neighbours(pair[0], pair[1]))
}

fn check_alone(rate: Rate) -> Result<(), RateError> {
    if rate.limit() == 0 {
        Err(RateError::LimitZero { rate })
    } else if rate.limit() > MAX_LIMIT {
        Err(RateError::LimitTooLarge { rate })
    } else if rate.interval().is_zero() {
        Err(RateError::IntervalZero { rate })
    } else if rate.interval() > MAX_INTERVAL {
        Err(RateError::IntervalTooLong { rate })
    } else {
        Ok(())
    }
}

fn check_neighbours(first: Rate, second: Rate) -> Result<(), RateError> {
    let [first_ticks, second_ticks] = [first, second].map(|rate| interval_ticks(&rate));
    // limit / interval, each multiplied by both intervals: exact.
    let first_speed = u128::from(first.limit()) * u128::from(second_ticks);
    let second_speed = u128::from(second.limit()) * u128::from(first_ticks);

    if second_ticks == first_ticks {
        Err(RateError::SameInterval { first, second })
    } else if second_ticks < first_ticks {
        Err(RateError::OutOfOrder { first, second })
    } else if second.limit() <= first.limit() {
        Err(RateError::ShorterHasNoEffect { first, second })
    } else if second_speed > first_speed {
        Err(RateError::LongerIsFaster { first, second })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(text: &str) -> Vec<Rate> {
        text.split_terminator(", ")
            .map(|rate| rate.parse().unwrap())
            .collect()
    }

    fn verdict(text: &str) -> Result<(), RateError> {
        validate(&rates(text))
    }

    #[test]
    fn rates_that_rise_but_do_not_get_faster_pass() {
        for text in [
            "1/us",
            "10/s",
            "4294967296/1826d",
            "10/s, 500/h, 1000/d, 5000/w",
            "10/s, 600/m", // as fast, over a longer time
            "1/s, 2/2s, 3/3s, 4/4s, 5/5s, 6/6s, 7/7s, 8/8s",
        ] {
            assert_eq!(verdict(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_number_of_rates_is_1_to_8() {
        assert_eq!(validate(&[]), Err(RateError::Empty));
        assert_eq!(
            verdict("1/s, 2/2s, 3/3s, 4/4s, 5/5s, 6/6s, 7/7s, 8/8s, 9/9s"),
            Err(RateError::TooMany { count: 9 })
        );
    }

    #[test]
    fn each_rate_alone_stays_within_its_bounds() {
        let only = |text: &str| (rates(text)[0], verdict(text));

        let (rate, verdict) = only("0/s");
        assert_eq!(verdict, Err(RateError::LimitZero { rate }));
        let (rate, verdict) = only("4294967297/s");
        assert_eq!(verdict, Err(RateError::LimitTooLarge { rate }));
        let (rate, verdict) = only("1/0s");
        assert_eq!(verdict, Err(RateError::IntervalZero { rate }));
        let (rate, verdict) = only("1/1826d 1ns");
        assert_eq!(verdict, Err(RateError::IntervalTooLong { rate }));
    }

    #[test]
    fn a_bad_rate_is_found_wherever_it_stands() {
        let rate = Rate::per_week(0);
        assert_eq!(
            validate(&[Rate::per_second(1), Rate::per_minute(2), rate]),
            Err(RateError::LimitZero { rate })
        );
    }

    #[test]
    fn the_error_names_the_two_rates_that_clash_and_says_what_to_do() {
        for (text, message) in [
            (
                "1/s, 10/m, 20/60s",
                "the rates 10/m and 20/m have the same interval: drop one of them",
            ),
            (
                "10/h, 1/s",
                "the rates 10/h and 1/s are out of order: sort them by interval, the shortest first",
            ),
            (
                "10/s, 10/m",
                "beside 10/m the rate 10/s never refuses anything: drop 10/s, or make its limit the smaller one",
            ),
            (
                "10/s, 100/m, 6001/h",
                "beside 100/m the rate 6001/h is too fast, for its interval is longer: drop 6001/h, or lower its limit",
            ),
        ] {
            assert_eq!(verdict(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn the_error_names_the_value_that_is_out_of_bounds() {
        for (text, message) in [
            (
                "0/s",
                "the rate 0/s grants nothing: its limit must be at least 1",
            ),
            (
                "4294967297/s",
                "the limit of the rate 4294967297/s is too large: it may be at most 4294967296",
            ),
            (
                "1/0s",
                "the interval of the rate 1/0s is zero: it must be at least 1us",
            ),
            (
                "1/1827d",
                "the interval of the rate 1/261w is too long: it may be at most 1826 days",
            ),
        ] {
            assert_eq!(verdict(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn intervals_that_round_up_to_the_same_microsecond_are_the_same() {
        assert!(matches!(
            verdict("1/1001ns, 2/2us"),
            Err(RateError::SameInterval { .. })
        ));
        // 2 us after rounding, so 3 in 3 us is no faster than 2 in 2 us.
        assert_eq!(verdict("2/1001ns, 3/3us"), Ok(()));
        assert_eq!(verdict("2/1us, 3/1001ns"), Ok(()));
    }

    #[test]
    fn limit_per_interval_decides_even_where_the_longer_rate_would_refuse() {
        // Two bursts of 10 a second apart are 20 within 1.5 s, and yet 16 / 1.5 s is faster.
        assert!(matches!(
            verdict("10/s, 16/1500ms"),
            Err(RateError::LongerIsFaster { .. })
        ));
        assert_eq!(verdict("10/s, 15/1500ms"), Ok(()));
    }

    #[test]
    fn the_last_part_in_10_to_the_24th_decides() {
        // n / (n m + 1) < (n + 1) / ((n + 1) m + 1), by far too little for a float.
        let (n, m) = (MAX_LIMIT - 1, 30_000);
        let rate = |limit, micros| Rate::new(limit, Duration::from_micros(micros));
        let first = rate(n, n * m + 1);
        let faster = rate(n + 1, (n + 1) * m + 1);
        let slower = rate(n + 1, (n + 1) * m + 2);
        assert_eq!(
            validate(&[first, faster]),
            Err(RateError::LongerIsFaster {
                first,
                second: faster
            })
        );
        assert_eq!(validate(&[first, slower]), Ok(()));
    }

    /// What the module's first lines say, over every pair and in nanoseconds.
    fn is_sound(rates: &[Rate]) -> bool {
        let nanos = |rate: &Rate| rate.interval().as_nanos().div_ceil(1_000) * 1_000;
        let alone = rates.iter().all(|rate| {
            (1..=1 << 32).contains(&rate.limit())
                && (1..=1826 * 86_400 * 1_000_000_000).contains(&rate.interval().as_nanos())
        });
        let together = rates.iter().enumerate().all(|(i, second)| {
            rates[..i].iter().all(|first| {
                nanos(first) < nanos(second)
                    && first.limit() < second.limit()
                    && u128::from(second.limit()) * nanos(first)
                        <= u128::from(first.limit()) * nanos(second)
            })
        });
        (1..=8).contains(&rates.len()) && alone && together
    }

    /// Small numbers, so that rates clash in every way, and now and then a huge one.
    fn some_rate() -> impl Strategy<Value = Rate> {
        let limit = prop_oneof![20 => 1..12_u64, 1 => any::<u64>(), 1 => Just(0)];
        let nanos = prop_oneof![20 => 1..20_000_u64, 1 => any::<u64>(), 1 => Just(0)];
        (limit, nanos).prop_map(|(limit, nanos)| Rate::new(limit, Duration::from_nanos(nanos)))
    }

    /// Built to pass, but for the steps that chance makes too steep.
    fn rising_rates() -> impl Strategy<Value = Vec<Rate>> {
        proptest::collection::vec((1..3_u64, 500..4_000_u64), 1..10).prop_map(|steps| {
            let (mut limit, mut nanos) = (9, 1_000);
            let rising = steps.into_iter().map(|(permits, longer)| {
                limit += permits;
                nanos += longer;
                Rate::new(limit, Duration::from_nanos(nanos))
            });
            rising.collect()
        })
    }

    proptest! {
        #[test]
        fn validation_agrees_with_its_specification(
            rates in prop_oneof![
                proptest::collection::vec(some_rate(), 0..10),
                rising_rates(),
            ],
        ) {
            prop_assert_eq!(validate(&rates).is_ok(), is_sound(&rates), "{:?}", rates);
        }
    }
}
