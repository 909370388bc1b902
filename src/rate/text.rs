//! Rates and durations as text: `10/s`, `500/4h`, `1h30m`.
//!
//! Only units of a fixed length are known, so that a text means the same
//! instant everywhere and what is printed parses back to exactly the same
//! value; months and years are left out for that reason.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{DAY, HOUR, MAX_LIMIT, MINUTE, Rate, WEEK};

/// The longest duration that may be written: 64 bits of microseconds.
const LONGEST: Duration = Duration::from_micros(u64::MAX);

struct Unit {
    length: Duration,
    /// What it may be called; the first is how it is printed.
    words: &'static [&'static str],
}

/// Longest first, and each a multiple of the next: so the first that divides a
/// duration gives its shortest text.
const UNITS: [Unit; 8] = [
    Unit {
        length: WEEK,
        words: &["w", "week", "weeks"],
    },
    Unit {
        length: DAY,
        words: &["d", "day", "days"],
    },
    Unit {
        length: HOUR,
        words: &["h", "hour", "hours"],
    },
    Unit {
        length: MINUTE,
        words: &["m", "min", "minute", "minutes"],
    },
    Unit {
        length: Duration::from_secs(1),
        words: &["s", "sec", "second", "seconds"],
    },
    Unit {
        length: Duration::from_millis(1),
        words: &["ms", "millisecond", "milliseconds"],
    },
    Unit {
        length: Duration::from_micros(1),
        // The micro sign and the Greek letter look alike.
        words: &["us", "\u{b5}s", "\u{3bc}s", "microsecond", "microseconds"],
    },
    Unit {
        length: Duration::from_nanos(1),
        words: &["ns", "nanosecond", "nanoseconds"],
    },
];

/// A text that is not a [`Rate`], or not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateTextError {
    /// There is no `/` between a limit and an interval.
    #[error("{text:?} is not a rate: write limit/interval, as in 10/s, 500/4h or 5/500ms")]
    NotARate {
        /// The text as it was given.
        text: String,
    },
    /// What stands before the `/` is not a whole number.
    #[error("the limit in {text:?} is not a whole number: write digits only, as in 10/s")]
    NotALimit {
        /// The text as it was given.
        text: String,
    },
    /// The limit does not fit 64 bits.
    #[error("the limit in {text:?} is too large: write at most {MAX_LIMIT}")]
    LimitTooLarge {
        /// The text as it was given.
        text: String,
    },
    /// A number or a unit is missing.
    #[error(
        "the duration in {text:?} is not one: write whole numbers with units, as in 10s, 500ms or 1h30m"
    )]
    NotADuration {
        /// The text as it was given.
        text: String,
    },
    /// A word where a unit should be is none.
    #[error("{unit:?} in {text:?} is not a unit: write ns, us, ms, s, m, h, d or w")]
    UnknownUnit {
        /// The word.
        unit: String,
        /// The text as it was given.
        text: String,
    },
    /// The duration in microseconds does not fit 64 bits.
    #[error(
        "the duration in {text:?} is too long: write less than {} days",
        LONGEST.as_nanos() / DAY.as_nanos()
    )]
    DurationTooLong {
        /// The text as it was given.
        text: String,
    },
}

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

/// Reads a duration: whole numbers, each with a unit, which add up.
///
/// Units are `ns`, `us`, `ms`, `s`, `m`, `h`, `d` and `w`, or their English
/// names; spaces may stand between the parts. The longest duration is
/// `u64::MAX` microseconds.
///
/// # Errors
///
/// A [`RateTextError`] that names the text, if it is empty, lacks a number or a
/// unit, has a unit that is not known, or is too long.
///
/// ```
/// use std::time::Duration;
/// use tidegate::parse_duration;
///
/// assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
/// assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
/// assert_eq!(
///     parse_duration("3 fortnights").unwrap_err().to_string(),
///     r#""fortnights" in "3 fortnights" is not a unit: write ns, us, ms, s, m, h, d or w"#,
/// );
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, RateTextError> {
    sum_of_units(text, text)
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

/// Reads `part`; `text` is the whole that an error names.
fn sum_of_units(part: &str, text: &str) -> Result<Duration, RateTextError> {
    let not_a_duration = || RateTextError::NotADuration {
        text: text.to_owned(),
    };
    let too_long = || RateTextError::DurationTooLong {
        text: text.to_owned(),
    };

    let mut rest = part.trim();
    if rest.is_empty() {
        return Err(not_a_duration());
    }
    let mut sum: u128 = 0;
    while !rest.is_empty() {
        let (digits, after) = split_while(rest, |c| c.is_ascii_digit());
        let (word, after) = split_while(after.trim_start(), char::is_alphabetic);
        if word.is_empty() {
            return Err(not_a_duration());
        }
        let unit = unit_named(word).ok_or_else(|| RateTextError::UnknownUnit {
            unit: word.to_owned(),
            text: text.to_owned(),
        })?;
        if digits.is_empty() {
            return Err(not_a_duration());
        }
        sum = digits
            .parse::<u128>()
            .ok()
            .and_then(|count| count.checked_mul(unit.length.as_nanos()))
            .and_then(|nanos| nanos.checked_add(sum))
            .ok_or_else(too_long)?;
        rest = after.trim_start();
    }

    if sum > LONGEST.as_nanos() {
        return Err(too_long());
    }
    let micros = (sum / 1_000) as u64; // at most LONGEST
    let nanos = (sum % 1_000) as u64;
    Ok(Duration::from_micros(micros) + Duration::from_nanos(nanos))
}

fn unit_named(word: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.words.contains(&word))
}

/// The longest start of `text` that `belongs`, and what follows it.
fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
    fn every_unit_has_its_words() {
        for unit in &UNITS {
            for word in unit.words {
                assert_eq!(format!("7/{word}").parse(), Ok(Rate::new(7, unit.length)));
                assert_eq!(parse_duration(&format!("3{word}")), Ok(3 * unit.length));
                assert_eq!(parse_duration(&format!(" 3 {word} ")), Ok(3 * unit.length));
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
    fn a_duration_needs_numbers_and_units() {
        for text in [
            "1/", "1/1", "1/1h30", "1/s10", "1/1.5h", "1/-1s", "1/s/s", "1/10ss m",
        ] {
            let error = error_of(text);
            assert!(
                matches!(
                    &error,
                    RateTextError::NotADuration { text: named }
                    | RateTextError::UnknownUnit { text: named, .. } if named == text
                ),
                "{error:?}"
            );
        }
        assert_eq!(
            parse_duration(" "),
            Err(RateTextError::NotADuration { text: " ".into() })
        );
        // A unit alone is an interval, not a duration.
        assert_eq!(
            parse_duration("s"),
            Err(RateTextError::NotADuration { text: "s".into() })
        );
    }

    #[test]
    fn an_unknown_unit_is_named() {
        for (text, unit) in [("1/month", "month"), ("1/2M", "M"), ("1/1h2y", "y")] {
            assert_eq!(
                error_of(text),
                RateTextError::UnknownUnit {
                    unit: unit.into(),
                    text: text.into()
                }
            );
        }
    }

    #[test]
    fn overflow_is_an_error_that_names_the_text() {
        let text = "99999999999999999999/s";
        let error = error_of(text);
        assert_eq!(error, RateTextError::LimitTooLarge { text: text.into() });
        assert!(error.to_string().contains(text));

        let forty_digits = format!("1/{}ns", "9".repeat(40));
        let carry = "1/18446744073709551615us 1us";
        // Both would wrap round 128 bits to something small.
        let product = format!("1/{}w", 1_u128 << 127);
        let sum = format!("1/{}ns 2ns", u128::MAX);
        for text in ["1/99999999999w", &forty_digits, carry, &product, &sum] {
            let error = error_of(text);
            assert_eq!(error, RateTextError::DurationTooLong { text: text.into() });
            assert!(error.to_string().contains(text));
        }
    }

    #[test]
    fn the_longest_duration_is_64_bits_of_microseconds() {
        assert_eq!(parse_duration("18446744073709551615us"), Ok(LONGEST));
        assert_eq!(
            parse_duration("18446744073709551615us 1ns"),
            Err(RateTextError::DurationTooLong {
                text: "18446744073709551615us 1ns".into()
            })
        );
        assert!(parse_duration("213503982d").is_ok());
        assert!(
            error_of("1/213503983d")
                .to_string()
                .contains("less than 213503982 days")
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

        #[test]
        fn parts_add_up(hours in 0..1_000_u32, minutes in 0..1_000_u32, millis in 0..1_000_u32) {
            prop_assert_eq!(
                parse_duration(&format!("{hours}h{minutes}m {millis} ms")),
                Ok(hours * HOUR + minutes * MINUTE + Duration::from_millis(millis.into()))
            );
        }
    }
}
