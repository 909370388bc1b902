//! Rates and durations as text: `10/s`, `500/4h`, `1h30m`.
//!
//! Only units of a fixed length are known, so that a text means the same
//! instant everywhere and what is printed parses back to exactly the same
//! value; months and years are left out for that reason.

mod duration;
mod error;

use std::fmt;
use std::str::FromStr;

use super::Rate;
use duration::{UNITS, Unit, sum_of_units, unit_named};

pub use duration::parse_duration;
pub use error::RateTextError;

/// The shortest text in one unit: `10/s`, `500/4h`, `3/90m`, `5/1500us`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.interval.as_nanos();
        let divides = |unit: &&Unit| nanos != 0 && nanos.is_multiple_of(unit.length.as_nanos());
        let interval = match UNITS.iter().find(divides) {
            Some(unit) if self.interval == unit.length => unit.words[0].to_owned(),
            Some(unit) => format!("{}{}", nanos / unit.length.as_nanos(), unit.words[0]),
            None => "0s".to_owned(),
        };
        f.pad(&format!("{}/{interval}", self.limit))
    }
}

/// Reads `limit/interval`. The interval is a unit alone, or a duration as
/// [`parse_duration`] reads it; spaces may stand around each part.
///
/// ```
/// use tidegate::Rate;
///
/// assert_eq!("10/s".parse(), Ok(Rate::per_second(10)));
/// assert_eq!("10 / 60 seconds".parse(), Ok(Rate::per_minute(10)));
/// assert!("10 per second".parse::<Rate>().is_err());
/// ```
impl FromStr for Rate {
    type Err = RateTextError;

    fn from_str(text: &str) -> Result<Self, RateTextError> {
        let (limit, interval) = text
            .split_once('/')
            .ok_or_else(|| RateTextError::NotARate {
                text: text.to_owned(),
            })?;
        let limit = parse_limit(limit.trim(), text)?;
        let interval = match unit_named(interval.trim()) {
            Some(unit) => unit.length,
            None => sum_of_units(interval, text)?,
        };
        Ok(Self::new(limit, interval))
    }
}

/// Reads `digits`; `text` is the whole that an error names.
fn parse_limit(digits: &str, text: &str) -> Result<u64, RateTextError> {
    // `parse` alone would let a sign through.
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RateTextError::NotALimit {
            text: text.to_owned(),
        });
    }
    digits.parse().map_err(|_| RateTextError::LimitTooLarge {
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{DAY, HOUR, MINUTE, WEEK};
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn printed(limit: u64, interval: Duration) -> String {
        Rate::new(limit, interval).to_string()
    }

    fn error_of(text: &str) -> RateTextError {
        text.parse::<Rate>().unwrap_err()
    }

    #[test]
    fn a_rate_prints_in_the_longest_unit_that_divides_its_interval() {
        assert_eq!(Rate::per_second(10).to_string(), "10/s");
        assert_eq!(Rate::per_minute(10).to_string(), "10/m");
        assert_eq!(Rate::per_hour(10).to_string(), "10/h");
        assert_eq!(Rate::per_day(10).to_string(), "10/d");
        assert_eq!(Rate::per_week(10).to_string(), "10/w");
        assert_eq!(printed(500, 4 * HOUR), "500/4h");
        assert_eq!(printed(3, 90 * MINUTE), "3/90m");
        assert_eq!(printed(3, 7 * DAY), "3/w");
        assert_eq!(printed(5, Duration::from_millis(500)), "5/500ms");
        assert_eq!(printed(5, Duration::from_micros(1_500)), "5/1500us");
        assert_eq!(printed(5, Duration::from_nanos(1_001)), "5/1001ns");
        assert_eq!(printed(5, Duration::ZERO), "5/0s");
        assert_eq!(
            printed(u64::MAX, Duration::MAX),
            "18446744073709551615/18446744073709551615999999999ns"
        );
    }

    #[test]
    fn a_printed_rate_obeys_the_width_of_its_column() {
        assert_eq!(format!("{:<6}|", Rate::per_second(10)), "10/s  |");
        assert_eq!(format!("{:>6}|", Rate::per_second(10)), "  10/s|");
    }

    #[test]
    fn an_interval_may_be_a_unit_alone() {
        for unit in &UNITS {
            for word in unit.words {
                assert_eq!(format!("7/{word}").parse(), Ok(Rate::new(7, unit.length)));
            }
        }
    }

    #[test]
    fn rates_parse_in_every_form_that_is_promised() {
        assert_eq!("500/1h".parse(), Ok(Rate::per_hour(500)));
        assert_eq!("10000/4w".parse(), Ok(Rate::new(10_000, 4 * WEEK)));
        assert_eq!(
            "5/500ms".parse(),
            Ok(Rate::new(5, Duration::from_millis(500)))
        );
        assert_eq!("5/1h30m".parse(), Ok(Rate::new(5, 90 * MINUTE)));
        assert_eq!(" 5 / 1 h 30 m ".parse(), Ok(Rate::new(5, 90 * MINUTE)));
        assert_eq!("0/0s".parse(), Ok(Rate::new(0, Duration::ZERO)));
    }

    #[test]
    fn a_text_without_a_slash_is_not_a_rate() {
        for text in ["", "10", "10s", "10 per second"] {
            assert_eq!(
                error_of(text),
                RateTextError::NotARate { text: text.into() }
            );
        }
    }

    #[test]
    fn a_limit_is_digits_only() {
        for text in ["/s", "+1/s", "-1/s", "1.5/s", "1_000/s", "ten/s", "1 0/s"] {
            assert_eq!(
                error_of(text),
                RateTextError::NotALimit { text: text.into() }
            );
        }
    }

    #[test]
    fn overflow_is_an_error_that_names_the_whole_text() {
        let text = "99999999999999999999/s";
        let error = error_of(text);
        assert_eq!(error, RateTextError::LimitTooLarge { text: text.into() });
        assert!(error.to_string().contains(text));

        let text = "1/99999999999w";
        let error = error_of(text);
        assert_eq!(error, RateTextError::DurationTooLong { text: text.into() });
        assert!(error.to_string().contains(text));
    }

    #[test]
    fn an_interval_that_is_none_is_told_with_the_whole_text() {
        for text in ["1/", "1/1", "1/s/s"] {
            assert_eq!(
                error_of(text),
                RateTextError::NotADuration { text: text.into() }
            );
        }
        assert_eq!(
            error_of("1/month"),
            RateTextError::UnknownUnit {
                unit: "month".into(),
                text: "1/month".into()
            }
        );
    }

    /// Intervals of every size, many of them whole in some unit.
    fn interval() -> impl Strategy<Value = Duration> {
        let whole = (0..UNITS.len(), 0_u32..5_000).prop_map(|(i, n)| n * UNITS[i].length);
        let any =
            (0..=u64::MAX >> 1, 0..64_u32, 0..1_000_u64).prop_map(|(micros, shift, nanos)| {
                Duration::from_micros(micros >> shift) + Duration::from_nanos(nanos)
            });
        prop_oneof![whole, any]
    }

    /// Strings that come close to being rates.
    fn nearly_a_rate() -> impl Strategy<Value = String> {
        "[0-9 ]{0,45}[/ ]{0,2}([0-9]{0,45} ?(ns|us|\u{b5}s|ms|s|m|h|d|w|day|\\PC)? ?){0,4}"
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(limit: u64, interval in interval()) {
            let rate = Rate::new(limit, interval);
            let text = rate.to_string();
            prop_assert_eq!(text.parse(), Ok(rate), "{}", text);
        }

        #[test]
        fn no_other_unit_prints_shorter(limit: u64, interval in interval()) {
            let text = printed(limit, interval);
            for unit in &UNITS {
                let (nanos, unit_nanos) = (interval.as_nanos(), unit.length.as_nanos());
                if nanos.is_multiple_of(unit_nanos) {
                    let other = format!("{limit}/{}{}", nanos / unit_nanos, unit.words[0]);
                    prop_assert!(text.len() <= other.len(), "{} {}", text, other);
                }
            }
        }

        #[test]
        fn any_text_gives_a_rate_or_an_error(text in prop_oneof![any::<String>(), nearly_a_rate()]) {
            let _ = parse_duration(&text);
            if let Ok(rate) = text.parse::<Rate>() {
                prop_assert_eq!(rate.to_string().parse(), Ok(rate));
            }
        }

    }
}
